"""What sections of the settings have in common."""

import json
import os
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import pydantic

# No shell has read what stands in a file: ``~`` is still there.
UserPath = Annotated[Path, pydantic.AfterValidator(lambda path: Path(os.path.expanduser(path)))]


class Section(pydantic.BaseModel):
    # No timer waits for infinity.
    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def _list_from(split: Callable[[str], list[str]], otherwise: str) -> pydantic.BeforeValidator:
    """Takes a list that is written as one text, as an environment has it: in JSON, or otherwise."""

    def read(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value) if value.lstrip().startswith("[") else split(value)
        except ValueError as error:
            raise ValueError(f"must be a list in JSON, or {otherwise} ({error})") from None

    return pydantic.BeforeValidator(read)


def _between_commas(value: str) -> list[str]:
    return [part.strip() for part in value.split(",")] if value.strip() else []


COMMAS = _list_from(_between_commas, "its parts with commas between them")
SHELL_WORDS = _list_from(shlex.split, "words as in a shell")
