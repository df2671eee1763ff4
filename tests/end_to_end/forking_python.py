"""A Python for programs that start vLLM's server themselves: theirs is forked from one that has imported vLLM."""

import json
import os
import signal
import socket
import socketserver
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import wait
from pathlib import Path
from threading import Thread

from tests.end_to_end.forked_server import end_server, start_server

_STAND_IN = Path(__file__).with_name("stand_in.py")
_MOST_BYTES = 1 << 18


@contextmanager
def forking_python() -> Iterator[Path]:
    """Give its path, until the block ends; what it started and nobody ended is ended then.

    A program that runs vLLM's server with it gets a stand-in as its child, which passes arguments, environment, output,
    SIGTERM and SIGINT on to a forked engine and ends with its status. What else it is sent, it gets itself.
    """
    # A socket's path must be short.
    with tempfile.TemporaryDirectory(prefix="lethe-") as name:
        address, python = f"{name}/engines", Path(name) / "python"
        python.write_text(f'#!/bin/sh\nexec {sys.executable} -IS {_STAND_IN} {address} "$@"\n')
        python.chmod(0o755)
        with _Engines(address, _Engine) as engines:
            Thread(target=engines.serve_forever, args=(0.1,)).start()
            try:
                yield python
            finally:
                engines.shutdown()
                engines.leave()


class _Engines(socketserver.ThreadingUnixStreamServer):
    """One thread an engine."""

    # What is sent at once comes at once.
    socket_type = socket.SOCK_SEQPACKET

    def __init__(self, address: str, handler: type["_Engine"]) -> None:
        super().__init__(address, handler)
        self.stand_ins: set[socket.socket] = set()

    def leave(self) -> None:
        """Take the engines that still run from their stand-ins."""
        for stand_in in list(self.stand_ins):
            with suppress(OSError):
                stand_in.shutdown(socket.SHUT_RDWR)


class _Engine(socketserver.BaseRequestHandler):
    """One engine, as long as both it and its stand-in live."""

    request: socket.socket

    def handle(self) -> None:
        assert isinstance(self.server, _Engines)
        asked, [output], _, _ = socket.recv_fds(self.request, _MOST_BYTES, 1)
        arguments, environment = json.loads(asked)
        self.server.stand_ins.add(self.request)
        process = start_server(*arguments, environment=environment, log=output)
        os.close(output)
        try:
            while process.sentinel not in wait([process.sentinel, self.request]):
                told = self.request.recv(1)
                if not told:
                    return
                assert process.pid is not None
                with suppress(ProcessLookupError):
                    os.kill(process.pid, signal.Signals(told[0]))
            process.join()
            with suppress(BrokenPipeError):
                self.request.send(str(process.exitcode).encode())
        finally:
            self.server.stand_ins.discard(self.request)
            end_server(process)
