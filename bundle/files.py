"""Files and folders written whole: a reader sees what was there before or what is there now, never a part.

Knows nothing about what it writes.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path


def replace_file(path: Path, content: str | bytes | Callable[[Path], object], mode: int = 0o644) -> None:
    """Put a file in place of the one that may stand there, making its folder if need be.

    Parameters
    ----------
    content
        What it holds, or what fills a temporary file of the same ending.
    mode
        Permissions; the file never has wider ones.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        if callable(content):
            content(temporary)
        else:
            temporary.write_bytes(content.encode() if isinstance(content, str) else content)
        temporary.chmod(mode)
        # The new name could outlive a loss of power without what it names.
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def replaced_folder(
    folder: Path, *, keep: bool = False, check: Callable[[], object] = lambda: None
) -> Iterator[Path]:
    """Give an empty folder to fill; it takes the place of the one that may stand there when the block ends well.

    Parameters
    ----------
    keep
        Whether one that stands there by then stays, and what was filled is dropped.
    check
        Called while no other folder beside it is exchanged, right before this one; what it raises keeps the old one.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        yield staging
        staging.chmod(0o755)
        with locked(folder.parent):
            check()
            if not folder.exists():
                os.replace(staging, folder)
            elif not keep:
                _exchange(staging, folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def remove_folder(folder: Path) -> None:
    """Remove a folder at once, however long its files take."""
    retired = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    with locked(folder.parent):
        os.replace(folder, retired)
    shutil.rmtree(retired)


@contextlib.contextmanager
def locked(folder: Path, *, shared: bool = False) -> Iterator[None]:
    """Hold a lock on a folder, against others who write into it, or against writers alone if it is shared."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's content, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _exchange(staging: Path, folder: Path) -> None:
    # A folder cannot be renamed over one that is not empty, so the old one steps aside first.
    retired = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    os.replace(folder, retired)
    try:
        os.replace(staging, folder)
    except BaseException:
        os.replace(retired, folder)
        raise
    shutil.rmtree(retired)
