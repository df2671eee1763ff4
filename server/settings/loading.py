"""The settings from all their sources: defaults, a YAML file, files of secrets, the environment, then the command line."""

import os
import re
from pathlib import Path
from typing import Any

import pydantic
import yaml
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NestedSecretsSettingsSource,
    PydanticBaseSettingsSource,
    SettingsError,
)

from lethe.server.errors import OperatorError
from lethe.server.settings.settings import Settings

# Fields that hold a secret, and what of an address may be one.
_SECRET = re.compile(r"(.*\.)?(api_key|redis\.url)(\.\d+)?")
_IN_ADDRESSES = re.compile(r"(?<=//)[^/@\s]*@|\?[^\s'\"]*")


def load_settings(config: Path | None = None, overrides: dict[str, Any] | None = None) -> Settings:
    """Gather the settings from all their sources.

    Parameters
    ----------
    config
        A YAML file with the fields of `Settings`.
    overrides
        What the command line says, nested as the settings are.

    Raises
    ------
    OperatorError
        A value is unknown or not acceptable; the message names each one.
    """
    document = _read_yaml(config) if config else {}

    class WithFile(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            secrets = NestedSecretsSettingsSource(
                file_secret_settings, os.environ.get("LETHE_SECRETS_DIR"), secrets_dir_missing="error"
            )
            return init_settings, env_settings, secrets, InitSettingsSource(settings_cls, document)

    try:
        return WithFile(**(overrides or {}))
    except pydantic.ValidationError as error:
        faults = "; ".join(_describe(fault) for fault in error.errors())
        raise OperatorError(f"bad settings: {faults}") from None
    except SettingsError as error:
        raise OperatorError(f"bad settings: {_in_our_words(error)}") from None


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(path.read_text()) or {}
    except OSError as error:
        raise OperatorError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, yaml.YAMLError) as error:
        raise OperatorError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(document, dict):
        raise OperatorError(f"{path} must hold settings as `name: value`, not a {type(document).__name__}")
    return document


def _in_our_words(error: SettingsError) -> str:
    named = re.search(r'field "(\w+)"', str(error))
    if named is None:
        return str(error)
    variable = f"LETHE_{named[1].upper()}"
    return (
        f"{named[1]}: the variable {variable} must be an object in JSON; single settings of it have variables of their "
        f"own, {variable}__NAME"
    )


def _describe(fault: Any) -> str:
    name = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        return f"{name} is not a setting"
    message = fault["msg"]
    # But for URL and the like.
    said = f"{name}: {message if message[1:2].isupper() else message[0].lower() + message[1:]}"
    # A whole section may hold a key.
    if isinstance(fault["input"], dict) or _SECRET.fullmatch(name):
        return said
    return f"{said}, got {_IN_ADDRESSES.sub('...', repr(fault['input']))}"
