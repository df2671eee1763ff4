"""The log of what was decided."""
