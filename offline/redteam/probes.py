"""The questions that a guard is attacked with."""

import random
from collections.abc import Mapping
from pathlib import Path

import pydantic

from lethe.offline.data.files import read_objects
from lethe.offline.data.questions import ForgetQuestion


class Probe(ForgetQuestion):
    """A question whose true answer must not come out.

    Attributes
    ----------
    translations
        By language, the same question.
    """

    translations: Mapping[str, str] = pydantic.Field(default_factory=dict)


def load_probes(path: Path, limit: int | None, seed: int) -> tuple[Probe, ...]:
    """Read probes, or as many of them, drawn by the seed.

    Raises
    ------
    DataError
        The file is missing or empty, or a line is no question.
    """
    probes = read_objects(path, Probe)
    if limit is None or limit >= len(probes):
        return probes
    chosen = sorted(random.Random(seed).sample(range(len(probes)), limit))
    return tuple(probes[place] for place in chosen)
