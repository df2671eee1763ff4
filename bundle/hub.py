"""Bundles in a repository of the Hugging Face hub, or of a server with its interface that ``HF_ENDPOINT`` names.

Imported by who pushes or pulls alone. What was pulled is no more to be believed than what anybody brings: its hashes are checked
here, and who vouches for it by `lethe.bundle.signature`.
"""

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lethe.bundle.errors import BundleError
from lethe.bundle.manifest import MANIFEST_NAME, SIGNATURE_NAME, read_manifest
from lethe.bundle.room import MOST_MANIFEST_BYTES, require_room
from lethe.bundle.store import Bundle, files_of, load_bundle

if TYPE_CHECKING:
    from huggingface_hub import HfApi

SCHEME = "hf://"
# The hub's own, which says what it keeps as large files.
_ATTRIBUTES = ".gitattributes"


def push_to_hub(bundle: Bundle, reference: str) -> str:
    """Make a bundle, as it is, all that a private repository holds; gives the commit by which it can be pulled.

    Parameters
    ----------
    reference
        ``hf://OWNER/REPOSITORY``, made where there is none. Who may write there is what ``HF_TOKEN`` or the hub's login says.

    Raises
    ------
    BundleError
        The hub does not take it, or the repository is a public one.
    """
    repository, revision = _parts(reference)
    if revision:
        raise BundleError(f"{reference}: a push makes a commit of its own; leave out @{revision}")
    with _hub(reference) as hub:
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        hub.create_repo(repository, private=True, exist_ok=True)
        there = hub.model_info(repository)
        if not there.private:
            raise BundleError(
                f"{reference} is public, and a bundle names what it forgets: make it private first"
            )
        names = files_of(bundle)
        gone = {each.rfilename for each in there.siblings or ()} - {*names, _ATTRIBUTES}
        return hub.create_commit(
            repository,
            [
                *(CommitOperationAdd(name, bundle.folder / name) for name in names),
                *(CommitOperationDelete(name) for name in sorted(gone)),
            ],
            commit_message=f"{bundle.name} {bundle.version}",
            parent_commit=there.sha,
        ).oid


def pull_from_hub(reference: str, folder: Path) -> Bundle:
    """Fetch a bundle into an empty folder, and verify every file.

    Parameters
    ----------
    reference
        As for `push_to_hub`, or with ``@`` and a commit, a branch or a tag behind it.

    Raises
    ------
    BundleError
        There is none that is usable.
    """
    repository, revision = _parts(reference)
    with _hub(reference) as hub:
        # Files of one commit, whatever is pushed meanwhile.
        found = hub.model_info(repository, revision=revision or None, files_metadata=True)
        there = {each.rfilename: each.size or 0 for each in found.siblings or ()}
        if MANIFEST_NAME not in there:
            raise BundleError(f"{reference} holds no bundle: it has no {MANIFEST_NAME}")
        if there[MANIFEST_NAME] > MOST_MANIFEST_BYTES:
            raise BundleError(
                f"{reference}: its {MANIFEST_NAME} has more than {MOST_MANIFEST_BYTES >> 20} MiB"
            )

        def fetch(names: Iterable[str]) -> None:
            names = list(names)
            require_room(sum(there.get(name, 0) for name in names), folder, reference)
            for name in names:
                hub.hf_hub_download(repository, name, revision=found.sha, local_dir=folder)

        fetch([MANIFEST_NAME, *({SIGNATURE_NAME} & there.keys())])
        fetch(read_manifest(folder).files)
    shutil.rmtree(folder / ".cache")
    return load_bundle(folder)


def _parts(reference: str) -> tuple[str, str]:
    """Repository and revision; this is empty where none is named."""
    repository, _, revision = reference.removeprefix(SCHEME).partition("@")
    if repository.count("/") != 1 or not all(repository.split("/")):
        raise BundleError(f"{reference}: name owner and repository, as in {SCHEME}my-team/books")
    return repository, revision


@contextmanager
def _hub(reference: str) -> Iterator["HfApi"]:
    """A client for the hub, whose errors are told in one line."""
    from huggingface_hub import HfApi

    try:
        yield HfApi()
    except BundleError:
        raise
    # The hub's client raises errors of many kinds, those of its HTTP library among them.
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise BundleError(f"{reference}: the hub does not do it ({type(error).__name__}: {reason})") from None
