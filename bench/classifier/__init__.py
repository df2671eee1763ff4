"""How well prompts are judged: precision, disguises, what is unreadable, drawn text, and what a search of words gets through."""
