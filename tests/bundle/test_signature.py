"""A bundle's signature vouches for every byte of it, by the keys that are believed, until it is changed."""

import hashlib
import json
import stat
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from lethe.bundle import (
    Bundle,
    BundleError,
    install_bundle,
    keep_version,
    load_bundle,
    restore_version,
    update_bundle,
)
from lethe.bundle.manifest import SIGNATURE_NAME
from lethe.bundle.signature import Signers, make_signing_key, sign_bundle


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return update_bundle(tmp_path / "targets" / "marsh", {"classifier/head.json": b"{}"})


@pytest.fixture
def key(tmp_path: Path) -> Path:
    make_signing_key(tmp_path / "ours")
    return tmp_path / "ours"


def believed(*keys: Path) -> Signers:
    file = keys[0].parent / "signers.pem"
    file.write_text("".join(f"# whose\n{Path(f'{key}.pub').read_text()}" for key in keys))
    return Signers.read(file)


def test_a_private_key_is_its_owners_alone_and_is_never_written_over(key: Path) -> None:
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    with pytest.raises(BundleError, match="is there already"):
        make_signing_key(key)


def test_a_signed_bundle_is_believed_by_who_believes_the_key(
    bundle: Bundle, key: Path, tmp_path: Path
) -> None:
    make_signing_key(tmp_path / "theirs")
    with pytest.raises(BundleError, match="is not signed"):
        believed(key).verify(bundle)
    signer = sign_bundle(bundle.folder, key)
    assert believed(tmp_path / "theirs", key).verify(load_bundle(bundle.folder)) == signer
    with pytest.raises(BundleError, match="by none of the keys"):
        believed(tmp_path / "theirs").verify(bundle)


def test_a_signature_changes_no_version_and_goes_where_the_bundle_goes(
    bundle: Bundle, key: Path, tmp_path: Path
) -> None:
    sign_bundle(bundle.folder, key)
    assert load_bundle(bundle.folder).version == bundle.version
    believed(key).verify(install_bundle(bundle.folder, tmp_path / "elsewhere" / "marsh"))
    keep_version(bundle.folder)
    changed = update_bundle(bundle.folder, {}, description="another")
    with pytest.raises(BundleError, match="is not signed"):
        believed(key).verify(changed)
    believed(key).verify(restore_version(bundle.folder, bundle.version))


def test_a_signature_of_another_bundle_or_a_damaged_one_is_refused(bundle: Bundle, key: Path) -> None:
    sign_bundle(bundle.folder, key)
    other = update_bundle(bundle.folder.parent / "fens", {"classifier/head.json": b"{}"})
    signature = (bundle.folder / SIGNATURE_NAME).read_bytes()
    (other.folder / SIGNATURE_NAME).write_bytes(signature)
    with pytest.raises(BundleError, match="by none of the keys"):
        believed(key).verify(other)
    (other.folder / SIGNATURE_NAME).write_bytes(signature[:40])
    with pytest.raises(BundleError, match="is damaged"):
        believed(key).verify(other)


def test_what_is_put_beside_a_signed_head_is_not_loaded_with_it(bundle: Bundle, key: Path) -> None:
    """How an encoder makes one vector of many, a file of its own says that most encoders do without."""
    sign_bundle(bundle.folder, key)
    put = bundle.folder / "classifier" / "encoder" / "1_Pooling" / "config.json"
    put.parent.mkdir(parents=True)
    put.write_text('{"pooling_mode_cls_token": true}')
    with pytest.raises(BundleError, match=r"1_Pooling/config\.json is not in its manifest"):
        load_bundle(bundle.folder)


def test_a_manifest_that_is_put_back_before_it_is_verified_is_not_believed(
    bundle: Bundle, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_bundle(bundle.folder, key)
    path = bundle.folder / "target.json"
    signed, of_file = path.read_text(), hashlib.file_digest
    path.write_text(json.dumps(json.loads(signed) | {"threshold": 1.0}))

    def putting_back(*arguments: Any) -> Any:
        path.write_text(signed)
        return of_file(*arguments)

    # While the files of the other are read.
    monkeypatch.setattr(hashlib, "file_digest", putting_back)
    loaded = load_bundle(bundle.folder)
    assert loaded.manifest.threshold == 1.0
    with pytest.raises(BundleError, match="was changed while it was read"):
        believed(key).verify(loaded)


def test_what_is_hidden_or_beside_nothing_that_is_read_does_no_harm(bundle: Bundle) -> None:
    for name in (".DS_Store", "classifier/.DS_Store", "classifier/..data/head.json", "notes.txt"):
        (bundle.folder / name).parent.mkdir(exist_ok=True)
        (bundle.folder / name).write_text("")
    assert load_bundle(bundle.folder) == bundle


def test_files_that_hold_no_key_of_ours_are_refused(bundle: Bundle, tmp_path: Path) -> None:
    other = generate_private_key(65537, 2048).public_key()
    for content in (b"", other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)):
        (tmp_path / "signers.pem").write_bytes(content)
        with pytest.raises(BundleError, match=r"Ed25519"):
            Signers.read(tmp_path / "signers.pem")
    (tmp_path / "no-key").write_text("nothing")
    with pytest.raises(BundleError, match="cannot be read as a private key"):
        sign_bundle(bundle.folder, tmp_path / "no-key")
