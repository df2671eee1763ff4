"""Who may ask, and how much: keys, their limits, and where these are counted."""
