"""Adapters trained to forget, in banks over a shared A (ALTER)."""
