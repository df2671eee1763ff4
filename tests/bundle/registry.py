"""A registry of the OCI distribution specification, as far as bundles are pushed and pulled; it keeps all in memory."""

import hashlib
import sys
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Registry:
    """What a registry keeps.

    Attributes
    ----------
    blobs, manifests
        By digest, and by tag or digest.
    login
        Name and password that it asks for; nobody's for everybody.
    """

    address: str = ""
    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, bytes] = field(default_factory=dict)
    login: tuple[str, str] | None = None


class Server(ThreadingHTTPServer):
    """Says nothing of a client that goes before it has read all, which one that refuses a file does."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def running_registry() -> Iterator[Registry]:
    """A registry at a port of this machine."""
    kept = Registry()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self, status: int, content: bytes = b"", **headers: str) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def let_in(self) -> bool:
            if kept.login is None:
                return True
            expected = b64encode(":".join(kept.login).encode()).decode()
            if self.headers.get("Authorization") == f"Basic {expected}":
                return True
            self.answer(401, WWW_Authenticate='Basic realm="registry"')
            return False

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            if not self.let_in():
                return
            _, kind, name = self.path.rsplit("/", 2)
            found = (kept.blobs if kind == "blobs" else kept.manifests).get(name)
            self.answer(404) if found is None else self.answer(200, found)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.let_in():
                self.answer(202, Location=f"{self.path}session?state=begun")

        def do_PUT(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            if not self.let_in():
                return
            digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
            address = urlsplit(self.path)
            if "/manifests/" in address.path:
                kept.manifests[address.path.rpartition("/")[2]] = kept.manifests[digest] = content
            elif parse_qs(address.query)["digest"] == [digest]:
                kept.blobs[digest] = content
            else:
                return self.answer(400)
            self.answer(201, Location=self.path, Docker_Content_Digest=digest)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    kept.address = f"127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield kept
    server.shutdown()
    thread.join()
    server.server_close()
