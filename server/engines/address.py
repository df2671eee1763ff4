"""Where the engine of a running proxy listens, for tools of the same user on the same machine."""

import contextlib
import fcntl
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

from lethe.bundle.files import replace_file

_NAME = "engine-of-"


@dataclass(frozen=True)
class EngineAddress:
    """An engine's base URL, without ``/v1``, and the key that it asks for."""

    url: str
    api_key: str | None


@contextlib.contextmanager
def published(address: EngineAddress, cache_dir: Path, proxy_port: int) -> Iterator[None]:
    """Keep the address in a file that only this user can read, for as long as the proxy runs."""
    path = _path(cache_dir, proxy_port)
    replace_file(path, json.dumps(asdict(address)), mode=0o600)
    with path.open() as held:
        # A proxy that is killed leaves the file, but not the lock.
        fcntl.flock(held, fcntl.LOCK_EX)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def published_ports(cache_dir: Path) -> list[int]:
    """The ports of proxies that run here."""
    names = (path.stem.removeprefix(_NAME) for path in (cache_dir / "run").glob(f"{_NAME}*.json"))
    ports = sorted(int(name) for name in names if name.isdecimal())
    return [port for port in ports if find_engine_address(cache_dir, port) is not None]


def find_engine_address(cache_dir: Path, proxy_port: int) -> EngineAddress | None:
    """The address of the engine behind the proxy on a port, if that proxy runs here."""
    try:
        with _path(cache_dir, proxy_port).open() as file:
            return EngineAddress(**json.load(file)) if _is_held(file) else None
    except (OSError, ValueError, TypeError):
        return None


def _is_held(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _path(cache_dir: Path, proxy_port: int) -> Path:
    return cache_dir / "run" / f"{_NAME}{proxy_port}.json"
