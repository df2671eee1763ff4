"""Where the embedded engine of a running proxy listens, for tools of the same user on the same machine."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

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
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def published_ports(cache_dir: Path) -> list[int]:
    """The ports of proxies that run here and started an engine."""
    names = (path.stem.removeprefix(_NAME) for path in (cache_dir / "run").glob(f"{_NAME}*.json"))
    return sorted(int(name) for name in names if name.isdecimal())


def find_engine_address(cache_dir: Path, proxy_port: int) -> EngineAddress | None:
    """The address of the engine behind the proxy on a port, if that proxy runs here and started one."""
    try:
        return EngineAddress(**json.loads(_path(cache_dir, proxy_port).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _path(cache_dir: Path, proxy_port: int) -> Path:
    return cache_dir / "run" / f"{_NAME}{proxy_port}.json"
