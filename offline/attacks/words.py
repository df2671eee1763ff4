"""Words and phrases about anything else, which a search may put beside a question's own."""

import functools
from pathlib import Path


@functools.cache
def ordinary_words() -> tuple[str, ...]:
    """One word or phrase each, of some two hundred subjects."""
    return tuple(Path(__file__).with_suffix(".txt").read_text().split("\n")[:-1])
