"""Where clients reach the proxy: an address or a Unix socket, encrypted by it or not."""

import contextlib
import errno
import socket
import ssl
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from lethe.server.errors import OperatorError
from lethe.server.settings.connections import TlsSettings
from lethe.server.settings.settings import Settings


@contextlib.contextmanager
def listening(settings: Settings) -> Iterator[socket.socket]:
    """A socket that is bound where the settings say, and gone afterwards.

    Raises
    ------
    OperatorError
        It cannot be bound there; somebody else may be.
    """
    with _bound(settings) as listener:
        listener.set_inheritable(False)
        yield listener


def shown_address(settings: Settings) -> str:
    """The address for clients, in one word."""
    scheme = "http" if settings.tls.cert is None else "https"
    if settings.unix_socket is not None:
        return f"{scheme}+unix:{settings.unix_socket}:/v1"
    return f"{scheme}://{_shown(settings.host)}:{settings.port}/v1"


class Certificate:
    """What the proxy shows to clients so that their connections are encrypted.

    Attributes
    ----------
    context
        For the connections; those that come after a `load` get what was loaded.

    Raises
    ------
    OperatorError
        As of `load`.
    """

    def __init__(self, settings: TlsSettings) -> None:
        assert settings.cert is not None
        self._cert, self._key = settings.cert, settings.key
        self.context = self._context()

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that it is read from."""
        return tuple(filter(None, (self._cert, self._key)))

    def load(self) -> None:
        """Read the files anew.

        Raises
        ------
        OperatorError
            They cannot be read or do not belong together; what was shown before still is.
        """
        # A failure may come after half of a context has changed.
        self._context()
        self._load_into(self.context)

    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.set_alpn_protocols(["http/1.1"])
        self._load_into(context)
        return context

    def _load_into(self, context: ssl.SSLContext) -> None:
        try:
            # A key with a passphrase would have it asked for at the terminal.
            context.load_cert_chain(self._cert, self._key, password=str)
        except OSError as error:
            named = " and ".join(map(str, self.files))
            reason = error.reason if isinstance(error, ssl.SSLError) and error.reason else error.strerror
            raise OperatorError(
                f"tls: {named} cannot be used: {reason or error}; they must be a certificate with its chain and "
                "its private key without a passphrase, in PEM"
            ) from None


@contextlib.contextmanager
def _bound(settings: Settings) -> Iterator[socket.socket]:
    if settings.unix_socket is not None:
        with _unix_socket(settings.unix_socket) as listener:
            yield listener
        return
    host, port = settings.host, settings.port
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise OperatorError(
            f"cannot listen on {_shown(host)}:{port}: {error.strerror or error}; host must be an address of this machine, "
            "such as 127.0.0.1 or ::1, all of them (0.0.0.0, or :: for both kinds), or a name for one"
        ) from None
    # A name such as localhost may stand for one of each kind.
    family, _, _, _, address = min(found, key=lambda each: each[0] != socket.AF_INET)
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        _keep_known(listener)
        try:
            listener.bind(address)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise OperatorError(f"port {port} on {host} is in use; choose another with --port") from None
            raise OperatorError(
                f"cannot listen on {_shown(host)}:{port}: {error.strerror or error}"
            ) from None
        yield listener


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


@contextlib.contextmanager
def _unix_socket(path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as listener:
        _remove_abandoned(path)
        try:
            listener.bind(str(path))
        except OSError as error:
            raise OperatorError(f"cannot listen on {path}: {error.strerror or error}") from None
        try:
            yield listener
        finally:
            path.unlink(missing_ok=True)


def _remove_abandoned(path: Path) -> None:
    """Remove a socket that a proxy left which could not clean up."""
    try:
        if not stat.S_ISSOCK(path.stat().st_mode):
            raise OperatorError(f"{path} is not a socket; choose another unix_socket")
    except OSError:
        return
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise OperatorError(f"cannot listen on {path}: {error.strerror or error}") from None
        else:
            raise OperatorError(f"{path} is in use; choose another unix_socket")


def _keep_known(listener: socket.socket) -> None:
    """Have the system ask silent connections whether they are there, so that nothing on their way forgets them."""
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if sys.platform == "linux":
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 60)
