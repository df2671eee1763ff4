"""What a search had to choose between: knowledge that is left, against answers that read like answers."""

from collections.abc import Sequence

from lethe.offline.corruption_learning.learn import Candidate
from lethe.offline.corruption_learning.objective import KNOWLEDGE_METRICS, Objective


def knowledge_gap(candidate: Candidate, surrogate: Objective) -> float:
    """Distance from a model that never learned, over the knowledge metrics alone, in [0, 1]."""
    known = {name: value for name, value in surrogate.surrogate.items() if name in KNOWLEDGE_METRICS}
    return Objective(known)(candidate.measurement)


def front(candidates: Sequence[Candidate], surrogate: Objective) -> tuple[Candidate, ...]:
    """The candidates that no other beats in the gap of knowledge and in the form of answers at once, least gap first.

    Empty where the search measured no form, or no knowledge.
    """
    if "form" not in surrogate.surrogate or not KNOWLEDGE_METRICS & surrogate.surrogate.keys():
        return ()
    ordered = sorted(
        candidates,
        key=lambda each: (knowledge_gap(each, surrogate), -each.measurement.values["form"]),
    )
    kept: list[Candidate] = []
    for each in ordered:
        if not kept or each.measurement.values["form"] > kept[-1].measurement.values["form"]:
            kept.append(each)
    return tuple(kept)
