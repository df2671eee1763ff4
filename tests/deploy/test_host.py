"""What runs on one host without containers."""

import os
import subprocess
from pathlib import Path


def test_what_is_started_tells_no_maker_of_its_use(repository: Path, tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for program in ("nginx", "redis-server", "supervisord", "vllm-router", "lethe"):
        (programs / program).write_text("#!/bin/sh\nenv\n")
        (programs / program).chmod(0o755)
    started = subprocess.run(
        [repository / "deploy" / "host" / "start"],
        env={
            "PATH": f"{programs}:{os.environ['PATH']}",
            "LETHE_BIN": str(programs),
            "LETHE_ROUTER_BIN": str(programs),
            "LETHE_RUN": str(tmp_path / "run"),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert {"DO_NOT_TRACK=1", "ORT_DISABLE_TELEMETRY=1"} <= set(started.stdout.splitlines())
