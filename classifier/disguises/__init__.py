"""What a text says once an encoding or a disguise is taken off, and what stays no language after everything was read."""
