"""What judging answers finds, flags and costs."""
