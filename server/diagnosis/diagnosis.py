"""All looks of `lethe doctor`, in order."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

from lethe.server.diagnosis.check import Health, Observation, doubtful, faulty, well
from lethe.server.diagnosis.engines import check_engines
from lethe.server.diagnosis.files import check_files
from lethe.server.errors import OperatorError
from lethe.server.settings.loading import load_settings
from lethe.server.settings.settings import Settings

_PREFIX = "LETHE_"
# Variables that commands and scripts read, and no setting has.
_OF_OTHERS = {
    "LETHE_ADMIN_KEY",
    "LETHE_CLIENT_KEY",
    "LETHE_DATA_DIR",
    "LETHE_REQUIRE_PROGRAMS",
    "LETHE_SECRETS_DIR",
    "LETHE_SUGGESTION_API_KEY",
}


async def diagnose(config: Path | None = None) -> AsyncIterator[Observation]:
    """Look at everything that a proxy with these settings needs, one thing after another.

    Parameters
    ----------
    config
        Its YAML file; beside it the environment counts, as for `lethe serve`.
    """
    try:
        settings = load_settings(config)
    except OperatorError as error:
        yield faulty("settings", str(error))
        return
    yield _settings(settings, config)
    for check in check_files(settings):
        yield check
    async for check in check_engines(settings):
        yield check


def worst(checks: list[Observation]) -> Health:
    """The health of all together."""
    order = list(Health)
    return max((check.health for check in checks), key=order.index, default=Health.WELL)


def _settings(settings: Settings, config: Path | None) -> Observation:
    unknown = sorted(
        name
        for name in os.environ
        if name.startswith(_PREFIX) and name not in _OF_OTHERS and not _is_a_setting(name)
    )
    if unknown:
        return doubtful("settings", f"no setting is called {', '.join(unknown)}; see docs/operating.md")
    source = f"{config} and the environment" if config else "the environment"
    given = len(settings.model_fields_set)
    return well("settings", f"{given} given, by {source}")


def _is_a_setting(variable: str) -> bool:
    name = variable.removeprefix(_PREFIX).lower().partition("__")[0]
    return name in Settings.model_fields
