"""How the operator has each target in force: on or off, by which action, for which share of the clients.

Kept in a file beside the bundles, so that a bundle stays as it was published and a newer version of it is
deployed as the older one was.
"""

from enum import StrEnum
from pathlib import Path
from typing import Any

import pydantic
import yaml
from pydantic import Field

from lethe.bundle import Action, BundleError
from lethe.bundle.files import locked, replace_file
from lethe.server.settings.policy import Consequence, ScopeKind

DEPLOYMENT_NAME = "deployment.yaml"


class AnswerPolicy(StrEnum):
    """Whether a target's answers are judged, and what follows.

    Only a target whose classifier has a head for answers judges any.
    """

    OFF = "off"
    OBSERVE = "observe"
    GUARD = "guard"


class TargetDeployment(pydantic.BaseModel):
    """How one target is in force.

    Attributes
    ----------
    enabled
        Whether prompts are classified for it at all.
    action
        In place of the bundle's own action.
    percent
        Share of the clients' keys for which the action is taken; for the others it is only observed.
    answers
        What becomes of answers that tell of it: ``guard`` takes the action, ``observe`` records them, ``off`` does not
        judge them.
    scope
        In place of what the settings' ``policy.scope`` says, for the kinds of text that are named.
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    enabled: bool = True
    action: Action | None = None
    percent: float = Field(default=100, ge=0, le=100)
    answers: AnswerPolicy = AnswerPolicy.GUARD
    scope: dict[ScopeKind, Consequence] = {}

    @pydantic.field_validator("answers", mode="before")
    @classmethod
    def _off_without_quotes(cls, answers: object) -> object:
        # YAML takes the bare word for a truth value.
        return AnswerPolicy.OFF if answers is False else answers


Deployment = dict[str, TargetDeployment]


def read_deployment(targets: Path) -> Deployment:
    """Read how the targets of a folder are in force; those not named are as their bundles say.

    Raises
    ------
    BundleError
        The file is there but cannot be read or says something that it may not.
    """
    path = targets / DEPLOYMENT_NAME
    try:
        document = yaml.safe_load(path.read_text()) or {}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise BundleError(f"cannot read {path}: {' '.join(str(error).split())}") from None
    try:
        return pydantic.TypeAdapter(Deployment).validate_python(document)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise BundleError(f"{path}: {field}: {first['msg']}") from None


def change_deployment(targets: Path, name: str, **changes: Any) -> TargetDeployment:
    """Change how one target is in force.

    Parameters
    ----------
    changes
        Fields of `TargetDeployment`.

    Raises
    ------
    BundleError
        The file that stands there cannot be read, or a change is not acceptable.
    """
    # Two changes at once would otherwise each write the file without the other's.
    with locked(targets):
        deployment = read_deployment(targets)
        fields = deployment.get(name, TargetDeployment()).model_dump() | changes
        try:
            deployment[name] = TargetDeployment.model_validate(fields)
        except pydantic.ValidationError as error:
            first = error.errors()[0]
            raise BundleError(f"{first['loc'][0]}: {first['msg']}, got {first['input']!r}") from None
        _write(targets, deployment)
    return deployment[name]


def put_back_deployment(targets: Path, name: str, how: TargetDeployment | None) -> None:
    """Have one target in force as it was before a change, whatever was changed of others since; None drops what is said of it."""
    with locked(targets):
        deployment = read_deployment(targets)
        if deployment.pop(name, None) is not None or how is not None:
            _write(targets, deployment | ({name: how} if how else {}))


def forget_deployment(targets: Path, name: str) -> None:
    """Drop what is said of a target, so that it is as its bundle says."""
    put_back_deployment(targets, name, None)


def _write(targets: Path, deployment: Deployment) -> None:
    said = {name: each.model_dump(mode="json", exclude_defaults=True) for name, each in deployment.items()}
    document = {name: fields for name, fields in sorted(said.items()) if fields}
    replace_file(targets / DEPLOYMENT_NAME, yaml.safe_dump(document) if document else "")
