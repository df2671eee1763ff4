"""The jobs behind `lethe recover`. Each goes on where it was stopped, and ends in the report."""
