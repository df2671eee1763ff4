"""Stands for an engine where a program has started it, while the engine runs elsewhere: see `forking_python`.

It passes on what it is told, and both end together. What is not vLLM's server is run as any Python runs it.
"""

import json
import os
import signal
import socket
import sys

_SERVER = ["-m", "vllm.entrypoints.launchers.api_server.entry"]
_TOLD = (signal.SIGTERM, signal.SIGINT)


def main(address: str, *arguments: str) -> None:
    """Have an engine started by those who listen at an address, and end as it ends."""
    if [*arguments[:2]] != _SERVER:
        os.execv(sys.executable, [sys.executable, *arguments])
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as engine:
        engine.connect(address)
        asked = json.dumps([arguments[2:], dict(os.environ)]).encode()
        socket.send_fds(engine, [asked], [sys.stdout.fileno()])
        for told in _TOLD:
            signal.signal(told, lambda number, _: engine.send(bytes([number])))
        status = int(received(engine) or -signal.SIGKILL)
    if status < 0:
        for told in _TOLD:
            signal.signal(told, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    sys.exit(status)


def received(engine: socket.socket) -> bytes:
    """What is sent next; nothing where the other side has gone."""
    try:
        return engine.recv(8)
    except ConnectionResetError:
        # It went before it had read all that it was told; what it sent before is still there.
        return engine.recv(8)


if __name__ == "__main__":
    main(*sys.argv[1:])
