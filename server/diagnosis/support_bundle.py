"""What somebody who helps needs to know of an installation: no secret, no prompt, and no target's name."""

import io
import json
import os
import platform
import re
import tarfile
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import pydantic
import yaml

from lethe.bundle import Bundle, survey_bundles
from lethe.bundle.files import replace_file
from lethe.server.audit.files import read_entries
from lethe.server.audit.summary import NO_TARGET, summarize
from lethe.server.diagnosis.check import Observation
from lethe.server.settings.settings import Settings

_USER_INFO = re.compile(r"(?<=://)[^/@\s]+@")
_WORD = r"(?<![\w-]){}(?![\w-])"


def write_support_bundle(
    path: Path, settings: Settings | None, checks: Sequence[Observation]
) -> dict[str, str]:
    """Pack what helps into a ``.tar.gz`` that its owner alone can read; gives what stands there for which target.

    Names of targets say what is to be forgotten, so they are numbered: only who keeps what is returned can tell.

    Parameters
    ----------
    settings
        None where they cannot be read.
    checks
        Of `lethe.server.diagnosis.diagnosis.diagnose`.

    Raises
    ------
    OSError
        It cannot be written there.
    """
    names = _names(settings)
    contents = {
        "doctor.txt": "".join(f"{check}\n" for check in checks),
        "settings.yaml": yaml.safe_dump(_without_secrets(settings) if settings else {}),
        "machine.json": _json(_machine()),
        "packages.txt": "".join(sorted(f"{each.name}=={each.version}\n" for each in distributions())),
        "targets.json": _json(_targets(settings) if settings else []),
        "audit.json": _json(_decisions(settings) if settings else []),
    }
    replace_file(
        path,
        _packed({name: _numbered(_USER_INFO.sub("", text), names) for name, text in contents.items()}),
        0o600,
    )
    return {number: name for name, number in names.items()}


def _names(settings: Settings | None) -> dict[str, str]:
    """A number for each target that is there, or that settings or log still speak of."""
    if settings is None:
        return {}
    there = {each.name for each in survey_bundles(settings.targets)} if settings.targets.is_dir() else set()
    spoken_of = {*settings.policy.verify, *(row["target"] for row in _decisions(settings))} - {NO_TARGET}
    return {name: f"target-{number}" for number, name in enumerate(sorted(there | spoken_of), start=1)}


def _numbered(text: str, names: Mapping[str, str]) -> str:
    for name in sorted(names, key=len, reverse=True):
        text = re.sub(_WORD.format(re.escape(name)), names[name], text)
    return text


def _without_secrets(settings: Settings) -> Any:
    """What is given and not a default. What pydantic holds as a secret, it masks."""
    given = settings.model_dump(mode="json", exclude_unset=True)
    # Arguments may hold a token, and what refused clients are told may say of what.
    for section, name in (("engine", "args"), ("policy", "refusal")):
        if name in given.get(section, {}):
            given[section][name] = "given, and left out here"
    return given


def _machine() -> dict[str, Any]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "written": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "python": platform.python_version(),
        "system": platform.platform(),
        "processors": os.cpu_count(),
        "memory_gib": round(memory / (1 << 30), 1),
    }


def _targets(settings: Settings) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for each in survey_bundles(settings.targets):
        if not isinstance(each, Bundle):
            rows.append({"name": each.name, "damaged": str(each.fault)})
            continue
        made = each.manifest.model_dump(mode="json", exclude={"name", "description", "metrics", "files"})
        rows.append(
            {"name": each.name, "version": each.version, **made, "files": sorted(each.manifest.files)}
        )
    return rows


def _decisions(settings: Settings) -> list[dict[str, Any]]:
    folder = settings.audit.folder
    if folder is None or not folder.is_dir():
        return []
    rows = summarize(read_entries(folder))
    return [
        {
            "target": row.target,
            "action": row.action,
            "requests": row.requests,
            "statuses": {str(status): count for status, count in row.statuses.items()},
            "median_ms": row.median_ms,
            "worst_ms": row.worst_ms,
        }
        for row in rows
    ]


def _packed(contents: Mapping[str, str]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, text in contents.items():
            content = text.encode()
            member = tarfile.TarInfo(f"lethe-support/{name}")
            member.size, member.mtime, member.mode = len(content), int(time.time()), 0o600
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, default=_plain) + "\n"


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json") if isinstance(value, pydantic.BaseModel) else str(value)
