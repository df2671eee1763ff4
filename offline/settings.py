"""What the settings of every job have in common. Each job has one object of them, and its verb's options are its fields.

Knows no job. Modules of settings load nothing that is slow to import: the command line reads them to say what it takes.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import pydantic

from lethe.bundle import check_target_name


def _can_be_a_target(name: str) -> str:
    check_target_name(name)
    return name


def _pairs(given: object) -> object:
    """From ``NAME=VALUE`` of the command line; what is a mapping stays one."""
    if isinstance(given, Mapping) or not isinstance(given, list | tuple):
        return given
    pairs = [str(item).partition("=") for item in given]
    for name, separator, value in pairs:
        if not separator:
            raise ValueError(f"a value is given as NAME=VALUE, not {name + value!r}")
    return {name: value for name, _, value in pairs}


# Values by name, which may be given as texts of the form ``NAME=VALUE``.
NamedValues = Annotated[Mapping[str, float], pydantic.BeforeValidator(_pairs)]


class JobSettings(pydantic.BaseModel):
    """Settings that cannot be changed; each field says what it is for."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")


class TargetJob(JobSettings):
    """A job for one target.

    Raises
    ------
    BundleError
        No target can be named so.
    """

    target: Annotated[str, pydantic.AfterValidator(_can_be_a_target)] = pydantic.Field(
        description="Name of the target; its bundle is made or changed."
    )


class BundleJob(TargetJob):
    """A job for one target, whose bundle stands among others."""

    targets: Path = pydantic.Field(default=Path("targets"), description="Folder of the bundles.")

    @property
    def bundle(self) -> Path:
        """The bundle's folder."""
        return self.targets / self.target
