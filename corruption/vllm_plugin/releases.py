"""The releases of vLLM that the plugin is known to work with, by the digests of its touch points."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from lethe.bundle.files import replace_file
from lethe.corruption.vllm_plugin.touch_points import digests, file_digest

TABLE = Path(__file__).with_name("releases.json")

# ``run``: the end-to-end tests passed on it. ``read``: what differs from a release that was run was read.
Evidence = Literal["run", "read"]


@dataclass(frozen=True)
class KnownRelease:
    """A release of vLLM.

    Attributes
    ----------
    evidence
        How it is known that the plugin works with it.
    files
        One digest of all files that hold touch points.
    points
        Digests of the touch points.
    """

    version: str
    evidence: Evidence
    files: str
    points: Mapping[str, str]

    def changed(self, found: Mapping[str, str]) -> list[str]:
        """The touch points that are otherwise in what was found."""
        return [point for point, digest in self.points.items() if found.get(point) != digest]


@cache
def known_releases() -> Mapping[str, KnownRelease]:
    """All of them by version, newest first."""
    releases = [KnownRelease(**entry) for entry in json.loads(TABLE.read_text())]
    return {release.version: release for release in releases}


def record_release(package: Path, version: str, evidence: Evidence) -> None:
    """Put a release into the table, in place of what was there of it."""
    release = KnownRelease(version, evidence, file_digest(package), digests(package))
    releases = {**known_releases(), version: release}
    newest_first = sorted(releases.values(), key=lambda each: _numbers(each.version), reverse=True)
    replace_file(TABLE, json.dumps([asdict(each) for each in newest_first], indent=1) + "\n")
    known_releases.cache_clear()


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
