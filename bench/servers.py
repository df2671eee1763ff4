"""What is measured side by side, each as a process on a core of its own: the proxy, and others like it."""

import contextlib
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import yaml

from bench.repository import TARGETS
from lethe.bundle import Made, install_bundle, load_bundles, update_bundle
from lethe.models.cache import cache_folder
from lethe.server.engines.process import free_loopback_port

PROXY_CORE, LOAD_CORE = "0", "1"
# A busy machine is no fault of the proxy's where it is not time that is measured.
UNHURRIED = {"LETHE_CLASSIFIER__DEADLINE_SECONDS": "60"}
LITELLM = "litellm[proxy]==1.108.7"

_NGINX = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr error;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  upstream engine {{ server 127.0.0.1:{engine}; keepalive 128; }}
  server {{
    listen 127.0.0.1:{port};
    keepalive_requests 1000000000;
    location / {{
      proxy_pass http://engine;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
    }}
  }}
}}
"""


@contextlib.contextmanager
def mock_engine(core: str | None = LOAD_CORE) -> Iterator[int]:
    """Run a mock engine; gives its port. Without a core of its own it runs where its parent may."""
    port = free_loopback_port()
    with running(core, [sys.executable, "-m", "bench.proxy.mock_engine", str(port)], port, "/health"):
        yield port


@contextlib.contextmanager
def lethe(
    engine: int,
    targets: Path,
    environment: Mapping[str, str] | None = None,
    core: str | None = PROXY_CORE,
) -> Iterator[int]:
    """Run the proxy; gives its port. Without a core of its own it runs where its parent may."""
    port = free_loopback_port()
    command = [sys.executable, "-m", "lethe", "serve", "--port", str(port), "--targets", str(targets)]
    command += ["--engine-url", f"http://127.0.0.1:{engine}"]
    with running(core, command, port, "/ready", environment):
        yield port


@contextlib.contextmanager
def lethe_with_engine() -> Iterator[int]:
    """Run the proxy with the engine that it starts, and the shipped targets; gives its port."""
    port = free_loopback_port()
    with running(None, [sys.executable, "-m", "lethe", "serve", "--port", str(port)], port, "/ready"):
        yield port


@contextlib.contextmanager
def passthrough(engine: int) -> Iterator[int]:
    """Run the bare passthrough; gives its port."""
    port = free_loopback_port()
    command = [sys.executable, "-m", "bench.proxy.passthrough", str(port), f"http://127.0.0.1:{engine}"]
    with running(PROXY_CORE, command, port, "/health"):
        yield port


@contextlib.contextmanager
def nginx(engine: int, folder: Path) -> Iterator[int]:
    """Run nginx; gives its port."""
    port = free_loopback_port()
    folder.mkdir()
    (folder / "nginx.conf").write_text(_NGINX.format(folder=folder, engine=engine, port=port))
    with running(PROXY_CORE, ["nginx", "-c", str(folder / "nginx.conf")], port, "/health"):
        yield port


@contextlib.contextmanager
def litellm(engine: int, folder: Path) -> Iterator[int]:
    """Run LiteLLM's proxy with one worker; gives its port."""
    port = free_loopback_port()
    folder.mkdir()
    parameters = {"model": "openai/mock", "api_base": f"http://127.0.0.1:{engine}/v1", "api_key": "none"}
    models = {"model_list": [{"model_name": "mock", "litellm_params": parameters}]}
    (folder / "config.yaml").write_text(yaml.safe_dump(models))
    command = [str(_litellm_command()), "--config", str(folder / "config.yaml"), "--host", "127.0.0.1"]
    command += ["--port", str(port), "--num_workers", "1", "--telemetry", "False"]
    # Without keys, as the others: it serves loopback alone.
    environment = {
        "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_LOG": "ERROR",
    }
    with running(PROXY_CORE, command, port, "/health/liveliness", environment):
        yield port


def installed_nginx() -> bool:
    """Whether there is an nginx to compare with; Debian's package is called so."""
    return shutil.which("nginx") is not None


def targets_for_the_mock(folder: Path) -> Path:
    """A copy of the shipped targets, said to be made for the mock's model: it has no embeddings to disagree with."""
    for bundle in load_bundles(TARGETS):
        install_bundle(bundle.folder, folder / bundle.name)
        (made,) = bundle.models
        base = replace(made.base_model.identity(), id="mock")
        update_bundle(folder / bundle.name, {}, Made(base, {}))
    return folder


def _litellm_command() -> Path:
    """LiteLLM in an environment of its own, installed on first use."""
    cache = cache_folder()
    folder = cache / "bench" / LITELLM.replace("[proxy]==", "-")
    command = folder / "bin" / "litellm"
    if not command.exists():
        print(f"installing {LITELLM} into {folder}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        subprocess.run([str(folder / "bin" / "pip"), "install", "--quiet", LITELLM], check=True)
    return command


@contextlib.contextmanager
def running(
    core: str | None, command: list[str], port: int, path: str, environment: Mapping[str, str] | None = None
) -> Iterator[None]:
    """Run a command, on a core of its own if one is named, from when it answers at a path."""
    process = subprocess.Popen(
        command if core is None else ["taskset", "-c", core, *command],
        stdout=subprocess.DEVNULL,
        env=os.environ | (environment or {}),
    )
    try:
        for _ in range(6000):
            if process.poll() is not None:
                raise SystemExit(f"{' '.join(command)} ended with status {process.returncode}")
            with (
                contextlib.suppress(OSError),
                urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as response,
            ):
                if response.status == 200:
                    break
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait()
