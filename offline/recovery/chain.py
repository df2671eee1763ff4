"""The file that names a chain: where it starts, and the stages that were trained one after the other."""

from pathlib import Path
from typing import Literal

import pydantic

from lethe.offline.data.files import read_toml
from lethe.offline.recovery.errors import RecoveryError


class ChainStage(pydantic.BaseModel):
    """One domain of the chain.

    Attributes
    ----------
    checkpoint
        The model after this stage: a model folder, or a PEFT LoRA folder.
    questions
        JSON lines with ``question`` and ``answer`` that the stage taught, or was to unlearn.
    goal
        ``learn`` or ``forget``.
    score
        ``probability`` of the answer per token, or ``exact``: of the answer as a whole, which is the expected reward
        of an answer that is either right or wrong. A stage that forgets scores one minus it.
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    name: str = pydantic.Field(min_length=1)
    checkpoint: Path
    questions: Path
    goal: Literal["learn", "forget"] = "learn"
    score: Literal["probability", "exact"] = "probability"


class ChainFile(pydantic.BaseModel):
    """A chain of checkpoints, of which stage k gave number k and the base is number 0.

    Attributes
    ----------
    base
        The model folder that the first stage started from.
    adapters
        What an adapter of the chain is: ``stacked`` upon those of all earlier stages, or a ``snapshot`` of one adapter
        that was trained on.
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    base: Path
    stages: tuple[ChainStage, ...] = pydantic.Field(min_length=2)
    adapters: Literal["stacked", "snapshot"] = "stacked"

    @pydantic.model_validator(mode="after")
    def _stages_have_names_of_their_own(self) -> "ChainFile":
        names = [stage.name for stage in self.stages]
        if len(set(names)) < len(names):
            raise ValueError(f"every stage needs a name of its own, not {', '.join(names)}")
        return self

    def stage_number(self, name: str | None) -> int:
        """Number of the harmed stage, from 1; the first one where none is named.

        Raises
        ------
        RecoveryError
            There is no such stage, or nothing was trained after it.
        """
        names = [stage.name for stage in self.stages]
        if name is None:
            return 1
        if name not in names:
            raise RecoveryError(f"the chain has no stage {name!r}; its stages are {', '.join(names)}")
        if name == names[-1]:
            raise RecoveryError(
                f"nothing was trained after {name!r}, so nothing can have harmed it; name an earlier stage"
            )
        return names.index(name) + 1


def read_chain(path: Path) -> ChainFile:
    """Read a chain from TOML; its paths count from the file's own folder.

    Raises
    ------
    DataError
        The file is missing or malformed, or two stages have one name.
    """
    chain = read_toml(path, ChainFile)
    folder = path.parent
    stages = tuple(
        stage.model_copy(
            update={"checkpoint": folder / stage.checkpoint, "questions": folder / stage.questions}
        )
        for stage in chain.stages
    )
    return chain.model_copy(update={"base": folder / chain.base, "stages": stages})
