"""Settings of jobs from what a user gave."""

from collections.abc import Mapping
from typing import TypeVar

import pydantic

from lethe.bundle.errors import LetheError
from lethe.offline.data.files import first_fault

_Settings = TypeVar("_Settings", bound=pydantic.BaseModel)


class SettingsError(LetheError):
    """A setting that cannot be; the message names it and says what it has to be."""


def settings_from(model: type[_Settings], given: Mapping[str, object]) -> _Settings:
    """Make settings from the values that were given; for None stands the default.

    Raises
    ------
    SettingsError
        A value is not of the kind, or out of the range, of its setting.
    """
    try:
        return model(**{name: value for name, value in given.items() if value is not None})
    except pydantic.ValidationError as error:
        raise SettingsError(first_fault(error)) from None
