"""The documentation as a site."""

import os
import subprocess
import sys
from pathlib import Path

from tests.docs.pages import ROOT


def test_it_builds_and_needs_nothing_from_elsewhere(tmp_path: Path) -> None:
    command = [
        Path(sys.executable).parent / "mkdocs",
        "build",
        "--strict",
        "--site-dir",
        tmp_path / "site",
    ]
    # A proxy that is not there stands for a network that is not.
    nowhere = os.environ | {
        "NO_MKDOCS_2_WARNING": "1",
        "https_proxy": "http://127.0.0.1:9",
        "http_proxy": "http://127.0.0.1:9",
    }
    built = subprocess.run(command, cwd=ROOT, env=nowhere, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    home = (tmp_path / "site" / "index.html").read_text()
    loaded = [part.split('"')[0] for part in home.split('src="')[1:]] + [
        part.split('"')[0] for part in home.split('<link rel="stylesheet" href="')[1:]
    ]
    assert loaded
    assert not [address for address in loaded if address.startswith(("http", "//"))]
    assert (tmp_path / "site" / "security" / "index.html").exists()
