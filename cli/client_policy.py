"""The options that say what a key or a team is held to."""

from typing import TYPE_CHECKING, Any

import pydantic
import typer
from pydantic import Field

from lethe.bundle import BundleError, check_target_name
from lethe.cli.targets_folder import targets_folder

if TYPE_CHECKING:
    from lethe.server.access.keys import ClientPolicy

_ACTIONS = ("act", "refuse", "observe")


class PolicyOptions(pydantic.BaseModel):
    """What a key or a team is held to, as it is typed."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    exempt: tuple[str, ...] = Field((), description="A target that does not apply, and only observes.")
    act: tuple[str, ...] = Field(
        (), description="A target whose own action is taken, whatever its share of the keys."
    )
    refuse: tuple[str, ...] = Field((), description="A target for which what is flagged is refused.")
    observe: tuple[str, ...] = Field((), description="A target that only observes.")
    thresholds: tuple[str, ...] = Field(
        (), description="From which probability on prompts are flagged for a target, as in books=0.9."
    )
    models: tuple[str, ...] = Field(
        (), description="A model that may be asked for, by any of its names; all if not given."
    )
    requests_per_minute: int | None = Field(None, description="Rate limit.", ge=1)
    concurrency: int | None = Field(None, description="Requests in flight at a time.", ge=1)

    @pydantic.field_validator("exempt", *_ACTIONS)
    @classmethod
    def _names(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            _checked(name)
        return names

    @pydantic.field_validator("thresholds")
    @classmethod
    def _numbers(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for each in given:
            name, _, number = each.partition("=")
            _checked(name)
            try:
                float(number)
            except ValueError:
                raise ValueError(f"{each}: give a target and a probability, as in books=0.9") from None
        return given

    @pydantic.model_validator(mode="after")
    def _one_action_each(self) -> "PolicyOptions":
        named = [name for action in _ACTIONS for name in getattr(self, action)]
        if twice := {name for name in named if named.count(name) > 1}:
            raise ValueError(f"{twice.pop()}: only one of --act, --refuse and --observe can hold")
        return self

    @property
    def named(self) -> set[str]:
        """The targets that it speaks of."""
        return {*self.exempt, *self.fields()["targets"]}

    def fields(self) -> dict[str, Any]:
        """As fields of `lethe.server.access.keys.ClientPolicy`."""
        targets: dict[str, dict[str, Any]] = {}
        for action in _ACTIONS:
            for name in getattr(self, action):
                targets[name] = {"action": action}
        for each in self.thresholds:
            name, _, number = each.partition("=")
            targets.setdefault(name, {})["threshold"] = float(number)
        return {
            "exempt": self.exempt,
            "targets": targets,
            "models": self.models or None,
            "requests_per_minute": self.requests_per_minute,
            "concurrency": self.concurrency,
        }


POLICY_FLAGS = {"thresholds": "--threshold", "models": "--model"}
"""The options that are not called as their fields are."""


def _checked(name: str) -> None:
    try:
        check_target_name(name)
    except BundleError as error:
        raise ValueError(str(error)) from None


def tell_of_absent(policy: PolicyOptions) -> None:
    """Tell of targets that there are not, by a slip of the keys for one: they would be held to nothing, and nobody would notice."""
    if not policy.named:
        return
    from lethe.bundle import survey_bundles

    folder = targets_folder(None)
    try:
        there = {each.name for each in survey_bundles(folder)}
    except BundleError:
        # Keys may be made where no bundles are.
        return
    if absent := sorted(policy.named - there):
        typer.echo(
            f"lethe: there is no target {', '.join(absent)} in {folder}, which has {', '.join(sorted(there)) or 'none'}; "
            "what is said of it holds once there is one",
            err=True,
        )


def said(policy: PolicyOptions, team: str | None = None) -> dict[str, Any]:
    """What was typed, for a log."""
    return policy.model_dump(exclude_defaults=True) | ({"team": team} if team else {})


def in_words(policy: "ClientPolicy") -> str:
    """What a client's policy says of targets, in one line."""
    words = [f"{name} exempt" for name in sorted(policy.exempt)]
    for name, how in sorted(policy.targets.items()):
        said = [how.action.value] if how.action else []
        said += [f"from {how.threshold:g}"] if how.threshold is not None else []
        words.append(f"{name} {' '.join(said)}")
    return ", ".join(words)
