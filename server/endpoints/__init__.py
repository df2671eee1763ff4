"""What each guarded endpoint reads of a body, and what it demands of an answer."""
