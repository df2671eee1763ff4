"""Whether an installed vLLM corrupts on this machine's GPU as it must, and what that costs."""
