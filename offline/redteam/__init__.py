"""Attacks on a running guard: what is not flagged, what leaks all the same, and training on what was found."""
