"""`lethe serve` turns what is wrong at start into one line and a non-zero exit."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from lethe.server.engines.process import free_loopback_port
from tests.lethe_process import everything, start_lethe
from tests.server.stack import write_target


@pytest.fixture
def model_folder(tmp_path: Path) -> Path:
    """A model folder that is good enough to be recognised."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"hidden_size": 8}))
    save_file({"model.embed_tokens.weight": np.zeros((4, 8), np.float32)}, folder / "model.safetensors")
    return folder


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def serve(*arguments: object, cache: Path) -> str:
    """Run `lethe serve`, which must fail, and give the one line that it says."""
    environment = {"PATH": "/usr/bin:/bin", "LETHE_CACHE_DIR": str(cache), "HOME": str(cache)}
    running = start_lethe("serve", *map(str, arguments), environment=environment)
    said = everything(running.stderr)
    running.process.join(120)
    assert running.returncode == 1, said
    [line] = said.splitlines()
    return line


def test_a_missing_model_folder(tmp_path: Path) -> None:
    assert "no model folder at /nowhere" in serve("--model", "/nowhere", cache=tmp_path)


def test_a_folder_that_is_no_model(tmp_path: Path) -> None:
    assert "has no config.json" in serve("--model", tmp_path, cache=tmp_path)


def test_a_port_in_use(tmp_path: Path, model_folder: Path, taken_port: int) -> None:
    line = serve("--model", model_folder, "--port", taken_port, cache=tmp_path)
    assert f"port {taken_port} on 127.0.0.1 is in use" in line


def test_a_bad_setting(tmp_path: Path) -> None:
    assert "port: " in serve("--port", 99999, cache=tmp_path)


def test_a_missing_folder_of_targets(tmp_path: Path, model_folder: Path) -> None:
    line = serve(
        "--model",
        model_folder,
        "--targets",
        tmp_path / "nowhere",
        "--port",
        free_loopback_port(),
        cache=tmp_path,
    )
    assert "is not a folder" in line


def test_a_damaged_bundle(tmp_path: Path, model_folder: Path) -> None:
    targets = tmp_path / "targets"
    targets.mkdir()
    write_target(targets, "books")
    (targets / "books" / "classifier" / "head.json").write_text("[]")
    line = serve(
        "--model", model_folder, "--targets", targets, "--port", free_loopback_port(), cache=tmp_path
    )
    assert "head.json has hash" in line


def test_a_bundle_for_another_base_model(tmp_path: Path, model_folder: Path) -> None:
    targets = tmp_path / "targets"
    targets.mkdir()
    write_target(targets, "books")
    config = tmp_path / "lethe.yaml"
    config.write_text(f"port: {free_loopback_port()}\ntargets: {targets}\npolicy: {{on_unfit: stop}}\n")
    line = serve("--model", model_folder, "--config", config, cache=tmp_path)
    assert "bundle books was made for org/model" in line


def test_an_engine_that_does_not_answer(tmp_path: Path, taken_port: int) -> None:
    targets = tmp_path / "targets"
    targets.mkdir()
    config = tmp_path / "lethe.yaml"
    config.write_text(
        f"port: {free_loopback_port()}\ntargets: {targets}\nengine: {{startup_timeout_s: 0.1}}\n"
    )
    line = serve("--config", config, "--engine-url", "http://127.0.0.1:1", cache=tmp_path)
    assert "no engine answers at http://127.0.0.1:1" in line


def test_what_is_logged_can_be_json(tmp_path: Path) -> None:
    (tmp_path / "targets").mkdir()
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "LETHE_PORT": str(free_loopback_port()),
        "LETHE_TARGETS": str(tmp_path / "targets"),
        "LETHE_LOG_FORMAT": "json",
        "LETHE_ENGINE__STARTUP_TIMEOUT_S": "0.1",
    }
    running = start_lethe("serve", "--engine-url", "http://127.0.0.1:1", environment=environment)
    logged = [json.loads(line) for line in everything(running.stdout).splitlines()]
    assert logged[0].pop("time").endswith("Z")
    assert logged[0] == {
        "level": "info",
        "logger": "lethe.engines",
        "message": "engine: waiting for http://127.0.0.1:1",
    }
