"""Lists of disguises, each a question written in some other way, and the tables of which are read."""
