"""Programs beside Python's that tests run, and a machine may lack."""

import os
import shutil

import pytest


def program(name: str, *, of: str, path: str | None = None) -> str:
    """Where a program is, on PATH or on a path of its own; `of` is what brings it.

    Without it the test is skipped, or fails where LETHE_REQUIRE_PROGRAMS=1 says that nothing may be left out.
    """
    found = shutil.which(name, path=path)
    if found is None:
        give_up = pytest.fail if os.environ.get("LETHE_REQUIRE_PROGRAMS") == "1" else pytest.skip
        give_up(f"{name} is not installed; it comes with {of}")
    return found
