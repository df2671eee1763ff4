"""Bundles in an OCI registry, the kind that keeps container images: each file is a layer, named as other tools name them.

Imported by who pushes or pulls alone, with the extra ``registry``. What was pulled is no more to be believed than what anybody
brings: its hashes are checked here, and who vouches for it by `lethe.bundle.signature`.
"""

import hashlib
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lethe.bundle.errors import BundleError
from lethe.bundle.files import sha256_of
from lethe.bundle.manifest import lies_inside
from lethe.bundle.room import MOST_MANIFEST_BYTES, require_room
from lethe.bundle.store import Bundle, files_of, load_bundle

ARTIFACT_TYPE = "application/vnd.lethe.target.v1"
_FILE_TYPE = "application/vnd.lethe.target.file.v1"
_MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
_TITLE = "org.opencontainers.image.title"
_EMPTY = b"{}"
_PATIENCE_S = 30


def push_bundle(bundle: Bundle, reference: str, *, plain_http: bool = False) -> str:
    """Put a bundle, as it is, into a registry; gives the digest by which it can be pulled.

    Parameters
    ----------
    reference
        ``REGISTRY/REPOSITORY:TAG``. Who may write there is what docker's own configuration says.
    plain_http
        Without encryption, for a registry on this machine.

    Raises
    ------
    BundleError
        The registry does not take it, or the library is not installed.
    """
    with _registry(reference, plain_http) as (registry, container):
        layers = [
            _uploaded(registry, container, bundle.folder / name, _FILE_TYPE) | {"annotations": {_TITLE: name}}
            for name in files_of(bundle)
        ]
        with tempfile.NamedTemporaryFile() as empty:
            empty.write(_EMPTY)
            empty.flush()
            config = _uploaded(registry, container, Path(empty.name), "application/vnd.oci.empty.v1+json")
        manifest = {
            "schemaVersion": 2,
            "mediaType": _MANIFEST_TYPE,
            "artifactType": ARTIFACT_TYPE,
            "config": config,
            "layers": layers,
            "annotations": {"org.opencontainers.image.version": bundle.version},
        }
        content = json.dumps(manifest, sort_keys=True).encode()
        address = f"{registry.prefix}://{container.manifest_url()}"
        _require(registry.do_request(address, "PUT", data=content, headers={"Content-Type": _MANIFEST_TYPE}))
    return _digest(content)


def pull_bundle(reference: str, folder: Path, *, plain_http: bool = False) -> Bundle:
    """Fetch a bundle into an empty folder, and verify every file.

    Parameters
    ----------
    reference
        As for `push_bundle`, or with ``@sha256:...`` in place of the tag.

    Raises
    ------
    BundleError
        There is none that is usable, or the library is not installed.
    """
    with _registry(reference, plain_http) as (registry, container):
        address = f"{registry.prefix}://{container.manifest_url()}"
        with registry.do_request(address, "GET", headers={"Accept": _MANIFEST_TYPE}, stream=True) as answer:
            _require(answer)
            content = b"".join(_pieces(answer, MOST_MANIFEST_BYTES, "the manifest"))
        if container.digest and _digest(content) != container.digest:
            raise BundleError(f"{reference}: the registry answers with something else, {_digest(content)}")
        files = list(_files(_read(content, reference), reference))
        require_room(sum(max(int(layer["size"]), 0) for _, layer in files), folder, reference)
        for name, layer in files:
            _fetch(registry, container, layer, folder / name, name)
    return load_bundle(folder)


def _read(manifest: bytes, reference: str) -> Any:
    try:
        return json.loads(manifest)
    except RecursionError:
        raise BundleError(f"{reference}: its manifest is nested too deeply") from None


def _files(manifest: Any, reference: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if not isinstance(manifest, dict) or manifest.get("artifactType") != ARTIFACT_TYPE:
        raise BundleError(f"{reference} is no bundle that `lethe targets push` put there")
    for layer in manifest["layers"]:
        name = layer["annotations"][_TITLE]
        if "\\" in name or not lies_inside(name):
            raise BundleError(f"{reference}: {name!r} lies outside the bundle's folder")
        yield name, layer


def _fetch(registry: Any, container: Any, layer: dict[str, Any], path: Path, name: str) -> None:
    if path.exists():
        raise BundleError(f"the registry has two files of the name {name}")
    path.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with registry.get_blob(container, layer["digest"], stream=True) as answer, path.open("wb") as file:
        _require(answer)
        for piece in _pieces(answer, int(layer["size"]), name):
            digest.update(piece)
            file.write(piece)
    if f"sha256:{digest.hexdigest()}" != layer["digest"]:
        raise BundleError(f"{name} came otherwise than the registry says it is")


def _pieces(answer: Any, most: int, name: str) -> Iterator[bytes]:
    """The body, piece by piece, unless it is longer than it may be."""
    read = 0
    for piece in answer.iter_content(1 << 16):
        read += len(piece)
        if read > most:
            raise BundleError(f"{name} is longer than the registry says")
        yield piece


def _uploaded(registry: Any, container: Any, path: Path, kind: str) -> dict[str, Any]:
    """Upload a file, unless it is there already; gives its descriptor."""
    layer = {"mediaType": kind, "size": path.stat().st_size, "digest": f"sha256:{sha256_of(path)}"}
    _require(registry.upload_blob(str(path), container, layer))
    return layer


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _require(answer: Any) -> None:
    if answer.status_code not in (200, 201, 202):
        raise BundleError(f"{answer.url} answers {answer.status_code}: {' '.join(answer.text.split())[:200]}")


@contextmanager
def _registry(reference: str, plain_http: bool) -> Iterator[tuple[Any, Any]]:
    """A client for a registry, and what of it is named."""
    try:
        import oras.auth  # pyright: ignore[reportMissingImports]
        import oras.container  # pyright: ignore[reportMissingImports]
        import oras.provider  # pyright: ignore[reportMissingImports]
        import requests
    except ModuleNotFoundError:
        raise BundleError("registries need a library: pip install 'lethegate[registry]'") from None
    host, slash, _ = reference.partition("/")
    if not slash or not ("." in host or ":" in host or host == "localhost"):
        raise BundleError(f"{reference}: name the registry too, as in registry.example.org/team/books:1")
    try:
        container = oras.container.Container(reference)
        scheme = "http" if plain_http else "https"
        asked = requests.get(f"{scheme}://{container.registry}/v2/", timeout=_PATIENCE_S)
        # The library takes every registry for one that gives out tokens.
        basic = asked.headers.get("WWW-Authenticate", "").lower().startswith("basic")
        registry = oras.provider.Registry(
            container.registry, insecure=plain_http, auth_backend="basic" if basic else "token"
        )
        registry.auth.load_configs(container)
        if basic and not hasattr(registry.auth, "_basic_auth"):
            raise BundleError(
                f"{reference}: the registry asks for a login: docker login {container.registry}"
            )
        yield registry, container
    except requests.RequestException as error:
        raise BundleError(f"{reference}: the registry cannot be asked: {error}") from None
    # The library's own words, where it is let in nowhere or an answer lacks something.
    except (oras.auth.AuthenticationException, ValueError, KeyError, TypeError) as error:
        raise BundleError(f"{reference}: the registry does not answer as one does: {error}") from None
