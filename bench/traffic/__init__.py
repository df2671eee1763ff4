"""How much of ordinary traffic is flagged, by kind of text and by length, and what is found in it."""
