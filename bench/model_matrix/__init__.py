"""Which models' prompts are corrupted exactly: each architecture with tiny random weights, on the real engine."""
