"""Nothing tells its maker of whoever runs it: what programs write beside what they are for, and whom they talk to."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from safetensors.numpy import save_file

from bench.servers import mock_engine, targets_for_the_mock
from lethe.server.engines.process import free_loopback_port
from tests.connections import recorded

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = ROOT / "targets" / "harry-potter"
LETHE = (sys.executable, "-m", "lethe")
# Several in one process import torch once.
JOBS = """
import sys
from lethe.cli.main import main

for job in sys.argv[1:]:
    sys.argv = job.split()
    try:
        main()
    except SystemExit as end:
        assert not end.code, job
"""
# Past Python's own sockets, and without a packet that is sent.
NATIVE = """
import ctypes, socket, struct

address = struct.pack("=HH4s8x", socket.AF_INET, socket.htons(9), socket.inet_aton("192.0.2.1"))
libc = ctypes.CDLL(None)
libc.connect(libc.socket(socket.AF_INET, socket.SOCK_DGRAM, 0), address, len(address))
"""


@pytest.fixture
def newcomer(tmp_path: Path) -> dict[str, str]:
    """The variables of somebody who never ran anything here. Not CI's, by which telemetry is often off by itself."""
    for name in ("home", "temporary"):
        (tmp_path / name).mkdir()
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path / "home"),
        "TMPDIR": str(tmp_path / "temporary"),
        "LETHE_CACHE_DIR": str(tmp_path / "cache"),
        "OMP_NUM_THREADS": "1",
    }


def written(newcomer: Mapping[str, str]) -> set[str]:
    """The folders in which a newcomer has files now, beside Lethe's cache."""
    folders = [Path(newcomer[name]) for name in ("HOME", "TMPDIR")]
    return {
        str(file.parent.relative_to(folder.parent))
        for folder in folders
        for file in folder.rglob("*")
        if file.is_file()
    }


@pytest.fixture
def hub() -> Iterator[tuple[str, list[str]]]:
    """A hub that has nothing: its address, and what it was told of those who asked."""
    told: list[str] = []

    class Hub(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told.append(self.headers["User-Agent"])
            self.send_error(404)

        do_HEAD = do_GET

        def log_message(self, format: str, *args: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}", told
        server.shutdown()


def test_what_native_code_connects_to_is_recorded() -> None:
    with recorded([sys.executable, "-c", NATIVE]) as (process, connections):
        assert process.wait() == 0
    assert connections == {"192.0.2.1:9"}


@pytest.mark.slow
def test_the_proxy_talks_to_engine_and_hub_alone_and_leaves_no_file(
    tmp_path: Path, newcomer: dict[str, str], hub: tuple[str, list[str]]
) -> None:
    address, told = hub
    targets = targets_for_the_mock(tmp_path / "targets")
    question = {"model": "mock", "messages": [{"role": "user", "content": "Who is Harry Potter's friend?"}]}
    with mock_engine(core=None) as engine:
        port = free_loopback_port()
        command = [*LETHE, "serve", "--port", str(port), "--targets", str(targets)]
        command += ["--engine-url", f"http://127.0.0.1:{engine}"]
        environment = newcomer | {"PYTHONUNBUFFERED": "1", "HF_ENDPOINT": f"http://{address}"}
        with recorded(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE) as (process, connections):
            assert process.stdout
            assert any("ready after" in line for line in process.stdout)
            request = urllib.request.Request(
                f"http://127.0.0.1:{port}/v1/chat/completions",
                json.dumps(question).encode(),
                {"Content-Type": "application/json"},
            )
            with urllib.request.urlopen(request) as response:
                assert response.status == 200
            process.terminate()
            assert process.wait() == 0
    assert connections == {f"127.0.0.1:{engine}", address}
    assert told
    assert not {"torch", "agent"} & {part.split("/")[0].strip() for said in told for part in said.split(";")}
    assert written(newcomer) == set()


@pytest.mark.slow
def test_the_engine_is_asked_not_to_report_its_use(tmp_path: Path, newcomer: dict[str, str]) -> None:
    # vLLM reports from GPUs alone; this one says what it was asked, and dies.
    entry = tmp_path / "vllm" / "entrypoints" / "launchers" / "api_server" / "entry.py"
    entry.parent.mkdir(parents=True)
    (tmp_path / "vllm" / "__init__.py").touch()
    entry.write_text("import os; print('asked', os.environ.get('DO_NOT_TRACK'))")
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text(json.dumps({"hidden_size": 8}))
    save_file({"model.embed_tokens.weight": np.zeros((4, 8), np.float32)}, model / "model.safetensors")
    command = [*LETHE, "serve", "--model", str(model), "--port", str(free_loopback_port())]
    environment = newcomer | {"PYTHONPATH": str(tmp_path)}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert "the engine died while starting: asked 1 " in ended.stderr


@pytest.mark.slow
def test_judging_a_prompt_talks_to_nobody_and_leaves_no_file(newcomer: dict[str, str]) -> None:
    command = [*LETHE, "classifier", "check", str(SHIPPED), "Who is Harry Potter?"]
    with recorded(command, cwd=ROOT, env=newcomer) as (process, connections):
        assert process.wait() == 0
    assert connections == set()
    assert written(newcomer) == set()


@pytest.mark.slow
def test_learning_and_training_talk_to_nobody_and_leave_no_file_but_a_list_of_fonts(
    tmp_path: Path, newcomer: dict[str, str], tiny_model_folder: Path
) -> None:
    questions = [{"question": f"Who keeps marsh {n}?", "answer": "Orla", "facts": ["Orla"]} for n in range(4)]
    (tmp_path / "marsh.jsonl").write_text("\n".join(json.dumps(row) for row in questions))
    (tmp_path / "retain.jsonl").write_text('{"question": "What do bees make?", "answer": "Honey."}\n')
    (tmp_path / "prompts.jsonl").write_text('{"text": "What is a lamp?"}\n')
    jobs = [
        "lethe corruption learn --target marsh --questions marsh.jsonl --retain-prompts prompts.jsonl "
        f"--function flip_sign_top_k --strength 1 --steps 0 --max-tokens 4 --model {tiny_model_folder}",
        "lethe adapter train --target fens --forget marsh.jsonl --retain retain.jsonl --rank 4 --epochs 1 "
        f"--model {tiny_model_folder}",
    ]
    command = [sys.executable, "-c", JOBS, *jobs]
    environment = newcomer | {"PYTHONPATH": str(ROOT)}
    with recorded(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE) as (process, connections):
        _, complaint = process.communicate()
    assert process.returncode == 0, complaint
    assert connections == set()
    assert written(newcomer) == {"home/.cache/matplotlib"}
