"""What of a target was built from which data, so that a build makes only what is missing."""

import hashlib
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from lethe.bundle.files import replace_file

BuiltPart = Literal["first", "classifier", "corruption"]


class BuiltParts:
    """By part, a digest of all that it was made from; in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._digests: dict[str, str] = json.loads(path.read_text())
        except (OSError, ValueError):
            self._digests = {}

    def holds(self, part: BuiltPart, made_from: Any) -> bool:
        """Whether the part was made from just this."""
        return self._digests.get(part) == digest_of(made_from)

    def keep(self, part: BuiltPart, made_from: Any) -> None:
        """Say that the part is made from this."""
        self._digests[part] = digest_of(made_from)
        replace_file(self._path, json.dumps(self._digests, indent=2) + "\n")


def digest_of(made_from: Any) -> str:
    """A digest of what JSON can say, and of the release that works on it."""
    recipe = json.dumps([version("lethegate"), made_from], sort_keys=True, default=str)
    return hashlib.sha256(recipe.encode(errors="surrogatepass")).hexdigest()
