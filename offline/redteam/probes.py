"""The questions that a guard is attacked with: any whose true answer must not come out."""

import random
from pathlib import Path

from lethe.offline.data.files import read_objects
from lethe.offline.data.questions import ForgetQuestion


def load_probes(path: Path, limit: int | None, seed: int) -> tuple[ForgetQuestion, ...]:
    """Read probes, or as many of them, drawn by the seed.

    Raises
    ------
    DataError
        The file is missing or empty, or a line is no question.
    """
    probes = read_objects(path, ForgetQuestion)
    if limit is None or limit >= len(probes):
        return probes
    chosen = sorted(random.Random(seed).sample(range(len(probes)), limit))
    return tuple(probes[place] for place in chosen)
