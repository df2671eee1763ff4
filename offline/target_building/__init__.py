"""From a folder of a target's data to its bundle: what is missing is made, and what is thin or contradictory is said."""
