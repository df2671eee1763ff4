"""Two proxies and two engines, with all that stands between, as `deploy/host/start` runs them."""

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from lethe.server.access.key_file import create_key
from lethe.server.audit.files import read_entries
from tests.end_to_end.running_proxy import ALLOWED, FORBIDDEN, ROOT, TINY, WITHOUT_WORKER_PROCESS
from tests.programs import program

pytestmark = pytest.mark.engine

PATIENCE_S = 480
ROUTER_PATH = f"{Path(sys.executable).parent}{os.pathsep}{ROOT / '.venv-router' / 'bin'}"


@dataclass
class Replicas:
    """The running stack."""

    base: int
    folder: Path
    key: str
    limited: str

    def url(self, part: int) -> str:
        return f"http://127.0.0.1:{self.base + part}"

    def ask(self, part: int, prompt: str, key: str | None = None) -> httpx.Response:
        """Ask nginx (0), a proxy (1, 2) or an engine (5, 6)."""
        body = {"messages": [{"role": "user", "content": prompt}], "temperature": 0, "max_tokens": 12}
        headers = {"Authorization": f"Bearer {key or self.key}"}
        return httpx.post(f"{self.url(part)}/v1/chat/completions", json=body, headers=headers, timeout=60)

    def corrupted_by(self, engine: int) -> float:
        """How many requests an engine has corrupted; none while it does not answer."""
        try:
            lines = httpx.get(f"{self.url(engine)}/metrics").text.splitlines()
        except httpx.TransportError:
            return 0
        name = "lethe_plugin_corrupted_requests_total"
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))

    def process_of(self, name: str) -> int:
        return int(self._control("pid", name))

    def states(self) -> str:
        return self._control("status")

    def _control(self, *words: str) -> str:
        program = Path(sys.executable).parent / "supervisorctl"
        command = [program, "--serverurl", f"unix://{self.folder}/supervisor.sock", *words]
        return subprocess.run(command, capture_output=True, text=True).stdout.strip()

    def log_tails(self) -> str:
        logs = sorted((self.folder / "logs").glob("*.log"))
        return "\n".join(f"== {log.name}\n" + "\n".join(log.read_text().splitlines()[-8:]) for log in logs)


@pytest.fixture(scope="module")
def programs(engine_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `start` runs of this environment, but with a Python that forks engines."""
    folder = tmp_path_factory.mktemp("programs")
    for path in (
        Path(sys.executable).with_name("supervisord"),
        Path(sys.executable).with_name("lethe"),
        engine_python,
    ):
        (folder / path.name).symlink_to(path)
    return folder


@pytest.fixture(scope="module")
def replicas(tiny_model: Path, tiny_targets: Path, lethe_cache: Path, programs: Path) -> Iterator[Replicas]:
    program("nginx", of="Debian's package nginx-light")
    program("redis-server", of="Debian's package of that name")
    router = program("vllm-router", of="`make install-router`", path=ROUTER_PATH)
    # A socket's path must be short.
    with tempfile.TemporaryDirectory(prefix="lethe-") as name:
        folder = Path(name)
        targets = shutil.copytree(tiny_targets, folder / "targets")
        _, key = create_key(folder / "keys.yaml", name="client")
        _, limited = create_key(folder / "keys.yaml", name="limited", requests_per_minute=6)
        base = free_ports(7)
        environment = os.environ | {
            "LETHE_BASE_PORT": str(base),
            "LETHE_BIN": str(programs),
            "LETHE_CACHE_DIR": str(lethe_cache),
            # Where every batch gives the same tokens.
            "LETHE_ENGINE_ARGS": "--enforce-eager --dtype float32 --max-model-len 1024",
            "LETHE_ENGINE__TOKENIZER": str(tiny_model),
            "LETHE_KEYS": str(folder / "keys.yaml"),
            "LETHE_MODEL": str(tiny_model),
            "LETHE_MODEL_NAME": TINY,
            # What a model of random weights writes is no language.
            "LETHE_POLICY__ON_UNREADABLE": "observe",
            "LETHE_ROUTER_BIN": str(Path(router).parent),
            "LETHE_ROUTER_POLICY": "round_robin",
            "LETHE_RUN": name,
            "LETHE_TARGETS": str(targets),
            "VLLM_CPU_KVCACHE_SPACE": "1",
            **WITHOUT_WORKER_PROCESS,
        }
        with open(folder / "out", "w") as out:
            process = subprocess.Popen(
                [ROOT / "deploy" / "host" / "start"], env=environment, stdout=out, stderr=out
            )
        running = Replicas(base, folder, key, limited)
        try:
            until(lambda: all(ready(running, part) for part in (0, 1, 2)), running)
            yield running
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(90)


def free_ports(count: int) -> int:
    """The first of some free ports in a row, below those that the system gives to outgoing connections."""
    while True:
        base = random.randrange(20_000, 32_000)
        if all(is_free(base + offset) for offset in range(count)):
            return base


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def ready(replicas: Replicas, part: int) -> bool:
    try:
        return httpx.get(f"{replicas.url(part)}/ready").status_code == 200
    except httpx.TransportError:
        return False


def until(holds: Any, replicas: Replicas) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, f"{replicas.states()}\n{replicas.log_tails()}"
        time.sleep(0.3)


def text_of(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    return answer.json()["choices"][0]["message"]["content"]


def test_every_way_through_gives_the_same_corrupted_answer(replicas: Replicas) -> None:
    engine_key = (replicas.folder / "engine_key").read_text()
    bare = {text_of(replicas.ask(engine, FORBIDDEN, engine_key)) for engine in (5, 6)}
    guarded = {text_of(replicas.ask(part, FORBIDDEN)) for part in (0, 0, 1, 1, 2, 2)}
    assert len(bare) == len(guarded) == 1
    assert bare != guarded
    assert all(replicas.corrupted_by(engine) for engine in (5, 6))
    # What nobody is to forget is answered alike by all.
    clean = {text_of(replicas.ask(part, ALLOWED)) for part in (0, 1, 2)}
    assert clean == {text_of(replicas.ask(5, ALLOWED, engine_key))}


def test_a_keys_limit_holds_for_both_proxies_together(replicas: Replicas) -> None:
    # Counted before it is read, so what the engine takes for it does not matter.
    statuses = Counter(
        httpx.post(
            f"{replicas.url(1 + number % 2)}/v1/chat/completions",
            json={"model": "none", "messages": [{"role": "user", "content": "hi"}]},
            headers={"Authorization": f"Bearer {replicas.limited}"},
        ).status_code
        for number in range(9)
    )
    assert statuses == {404: 6, 429: 3}


def test_no_way_around_leads_through_nginx(replicas: Replicas) -> None:
    for path in ("/admin/targets", "/metrics", "/console", "/console/api/session"):
        assert httpx.get(replicas.url(0) + path).status_code == 404
    for engine in (3, 5, 6):
        assert replicas.ask(engine, FORBIDDEN).status_code == 401


def test_an_engine_killed_under_load_lets_nothing_through_and_comes_back(replicas: Replicas) -> None:
    guarded = text_of(replicas.ask(0, FORBIDDEN))
    answers: list[httpx.Response] = []
    stop = threading.Event()

    def load() -> None:
        while not stop.is_set():
            answers.append(replicas.ask(0, FORBIDDEN))
            # The engine that comes back may have to share the cores with the one that answers.
            time.sleep(3)

    with ThreadPoolExecutor(3) as pool:
        loads = [pool.submit(load) for _ in range(3)]
        until(lambda: len(answers) >= 6, replicas)
        os.killpg(replicas.process_of("engine:engine-2"), signal.SIGKILL)
        before_death = len(answers)
        # It dies a moment after what stands for it.
        until(lambda: replicas.corrupted_by(6) == 0, replicas)
        until(lambda: replicas.corrupted_by(6) > 0, replicas)
        recovered = len(answers)
        until(lambda: len(answers) >= recovered + 8, replicas)
        stop.set()
        for each in loads:
            each.result()
    assert {text_of(each) for each in answers if each.status_code == 200} == {guarded}
    failed = [each for each in answers if each.status_code != 200]
    assert {each.status_code for each in failed} <= {500, 502, 503, 504}
    # The other engine goes on answering: what fails is what the dead one had, and what was sent before that was seen.
    assert len(failed) <= len(loads) + (recovered - before_death) / 10
    assert all(each.status_code == 200 for each in answers[recovered:])
    recorded = [entry for log in (1, 2) for entry in read_entries(replicas.folder / f"audit-{log}")]
    assert sum(entry.get("status") == 200 for entry in recorded) >= sum(
        each.status_code == 200 for each in answers
    )
