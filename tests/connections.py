"""What a program connects to, whether Python, native code or a child of it does.

The kernel reports each call of `connect` (a seccomp filter with a listener), before it goes on. A name that is looked
up shows as a connection to a name server. Python's audit hooks would miss what libuv and other native code does.
"""

import contextlib
import ctypes
import fcntl
import ipaddress
import os
import platform
import select
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

# AUDIT_ARCH, and the numbers of `seccomp` and `connect`.
_ARCHITECTURE, _SECCOMP, _CONNECT = {
    "x86_64": (0xC000003E, 317, 42),
    "aarch64": (0xC00000B7, 277, 203),
}[platform.machine()]
_PR_SET_NO_NEW_PRIVS = 38
_SET_MODE_FILTER, _NEW_LISTENER = 1, 1 << 3
_ALLOW, _NOTIFY = 0x7FFF0000, 0x7FC00000
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06
_RECEIVE, _SEND = 0xC0502100, 0xC0182101
_CONTINUE = 1


@contextlib.contextmanager
def recorded(command: Sequence[str], **options: Any) -> Iterator[tuple[subprocess.Popen[str], set[str]]]:
    """Run a program until the block ends; gives it and the addresses, as ``host:port``, that it has connected to."""
    connections: set[str] = set()
    here, there = socket.socketpair()
    with here, there:
        process = subprocess.Popen(command, text=True, preexec_fn=partial(_report_to, there), **options)
        _, [listener], _, _ = socket.recv_fds(here, 1, 1)
    watch = threading.Thread(target=_watch, args=(listener, connections))
    watch.start()
    try:
        yield process, connections
    finally:
        process.kill()
        process.wait()
        watch.join()
        os.close(listener)


def _report_to(parent: socket.socket) -> None:
    """In the child, before it becomes the program: install the filter and hand over its listener."""
    steps = (
        (_LOAD, 0, 0, 4),
        (_EQUAL, 0, 3, _ARCHITECTURE),
        (_LOAD, 0, 0, 0),
        (_EQUAL, 0, 1, _CONNECT),
        (_RETURN, 0, 0, _NOTIFY),
        (_RETURN, 0, 0, _ALLOW),
    )
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = struct.pack("HxxxxxxP", len(steps), ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    listener = libc.syscall(_SECCOMP, _SET_MODE_FILTER, _NEW_LISTENER, program)
    if listener < 0:
        raise OSError(ctypes.get_errno(), "this kernel does not let a program be watched")
    socket.send_fds(parent, [b"-"], [listener])
    os.close(listener)


def _watch(listener: int, connections: set[str]) -> None:
    """Note what the program and its children connect to, until all have ended."""
    poll = select.poll()
    poll.register(listener, select.POLLIN)
    while not poll.poll()[0][1] & select.POLLHUP:
        call = bytearray(80)
        # A thread that was killed in the meantime needs no answer.
        with contextlib.suppress(FileNotFoundError):
            fcntl.ioctl(listener, _RECEIVE, call)
            identity, pid = struct.unpack_from("QI", call)
            _, pointer, length = struct.unpack_from("QQQ", call, 32)
            connections.update(_address(pid, pointer, length))
            fcntl.ioctl(listener, _SEND, struct.pack("QqiI", identity, 0, 0, _CONTINUE))


def _address(pid: int, pointer: int, length: int) -> Iterator[str]:
    """What an address in a process's memory says, if it is one of the Internet's."""
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        raw = os.pread(memory.fileno(), length, pointer)
    family = int.from_bytes(raw[:2], sys.byteorder)
    hosts = {socket.AF_INET: raw[4:8], socket.AF_INET6: raw[8:24]}
    if host := hosts.get(socket.AddressFamily(family)):
        yield f"{ipaddress.ip_address(host)}:{int.from_bytes(raw[2:4], 'big')}"
