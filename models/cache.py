"""Where what can be made again is kept between runs."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """The folder that ``LETHE_CACHE_DIR`` names, or ``~/.cache/lethe``."""
    return Path(os.environ.get("LETHE_CACHE_DIR", "~/.cache/lethe")).expanduser()
