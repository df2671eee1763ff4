import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.docs.pages import ROOT

PROGRAM = """
import sys
from pathlib import Path
from bench.reproduction.serving import served
with served(*map(Path, sys.argv[1:])):
    pass
"""


@pytest.mark.engine
def test_what_was_started_ends_with_who_started_it(small_model: Path, lethe_cache: Path) -> None:
    bundle = ROOT / "targets" / "harry-potter"
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, small_model, bundle, lethe_cache], cwd=ROOT, stderr=subprocess.DEVNULL
    )
    children: list[Path] = []
    while not children:
        assert program.poll() is None
        time.sleep(0.05)
        listed = Path(f"/proc/{program.pid}/task/{program.pid}/children").read_text()
        children = [Path("/proc") / child for child in listed.split()]
    # Whoever has only just begun has no handler of its own yet, and dies by the signal.
    time.sleep(5)
    program.send_signal(signal.SIGTERM)
    assert program.wait(90) == 128 + signal.SIGTERM
    assert not any(child.exists() for child in children)
