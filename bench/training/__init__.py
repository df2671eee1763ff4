"""What training gets from few prompts, from more of them, and for other targets."""
