"""Hours of mixed traffic."""
