"""What corruptions other models needed, as candidates for one more.

A corruption's strength is a length in the space of embeddings. Between models these have another scale, so a strength is
carried over by the ratio of the root mean squares of their embeddings [ours].
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lethe.bundle import BaseModel, load_bundles
from lethe.bundle.manifest import BaseModelEntry
from lethe.corruption.artifact import Corruption, load_corruption
from lethe.corruption.functions import FUNCTIONS
from lethe.offline.corruption_learning.errors import LearningError

# Beside what is carried over, whose scale is only about right.
_AROUND = (0.5, 1.0, 2.0)

ScaleOf = Callable[[BaseModelEntry], float | None]


@dataclass(frozen=True)
class Precedent:
    """A corruption that was learned.

    Attributes
    ----------
    target
        What was to be forgotten.
    model
        By whom.
    """

    target: str
    model: BaseModelEntry
    corruption: Corruption

    def __str__(self) -> str:
        return f"{self.target} for {self.model.id}"


def find_precedents(
    targets: Path, target: str, base_model: BaseModel, positions: Sequence[str], most: int
) -> tuple[Precedent, ...]:
    """Corruptions of the bundles of a folder, the most telling first.

    Those for the same model come first, then those of its family, then all others; among equals those of the same target.

    Parameters
    ----------
    positions
        Which tokens they must be for.
    most
        How many at most, no two by one function on as many dimensions.

    Raises
    ------
    LearningError
        There is none.
    BundleError, CorruptionError
        A bundle cannot be read.
    """

    def closeness(each: Precedent) -> tuple[bool, bool, bool]:
        model = each.model
        return (
            model.embedding_sha256 != base_model.embedding_sha256,
            not base_model.family or model.family != base_model.family,
            each.target != target,
        )

    found = [
        each
        for each in _all(targets)
        if each.corruption.positions in positions
        and each.corruption.dims <= base_model.hidden_size
        # A vector means nothing among other embeddings.
        and not FUNCTIONS[each.corruption.function].takes_vector
        and not (each.target == target and each.model.embedding_sha256 == base_model.embedding_sha256)
    ]
    kinds: dict[tuple[str, int], Precedent] = {}
    for each in sorted(found, key=closeness):
        kinds.setdefault((each.corruption.function, each.corruption.dims), each)
    if not kinds:
        raise LearningError(
            f"no bundle in {targets} has a corruption for another model, on the tokens that {' or '.join(positions)} selects, to start "
            "from; search from nothing with `lethe corruption learn`"
        )
    return tuple(kinds.values())[:most]


def carried_over(
    precedents: Sequence[Precedent], scale: float | None, scale_of: ScaleOf, seed: int
) -> list[Corruption]:
    """What to try first: the precedents' corruptions, at strengths about those that they have beside other embeddings.

    Parameters
    ----------
    scale
        Root mean square of the model's embeddings; None where it is not known, which takes strengths as they are.
    scale_of
        The same of another model.
    """
    candidates: list[Corruption] = []
    for each in precedents:
        if not FUNCTIONS[each.corruption.function].takes_strength:
            candidates.append(replace(each.corruption, seed=seed))
            continue
        theirs = scale_of(each.model)
        ratio = scale / theirs if scale and theirs else 1.0
        candidates += [
            replace(each.corruption, strength=each.corruption.strength * ratio * around, seed=seed)
            for around in _AROUND
        ]
    return list(dict.fromkeys(candidates))


def _all(targets: Path) -> Iterator[Precedent]:
    for bundle in load_bundles(targets):
        for made in bundle.models:
            if made.corruption:
                yield Precedent(bundle.name, made.base_model, load_corruption(made.corruption))
