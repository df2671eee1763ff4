"""Who vouches for a bundle: an Ed25519 signature over its manifest, and so over every file that the manifest has hashes of.

Imported by who signs or verifies alone: beside vLLM there may be no library for it. The signature lies beside the manifest, in `SIGNATURE_NAME`. Whatever changes a bundle drops it.
"""

import base64
import binascii
import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from lethe.bundle.errors import BundleError
from lethe.bundle.files import replace_file
from lethe.bundle.manifest import MANIFEST_NAME, SIGNATURE_NAME
from lethe.bundle.store import Bundle, load_bundle

# What is signed is of this kind, so that no other signature by the same key can be taken for one.
_CONTEXT = b"lethe bundle manifest\n"
_PUBLIC_KEY = re.compile(rb"-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----", re.DOTALL)


@dataclass(frozen=True)
class Signers:
    """The keys whose signature is believed."""

    keys: tuple[Ed25519PublicKey, ...]

    @classmethod
    def read(cls, path: Path) -> "Signers":
        """Read public keys in PEM, one after the other, with any text between them.

        Raises
        ------
        BundleError
            The file cannot be read, or holds no such key.
        """
        try:
            keys = [load_pem_public_key(block) for block in _PUBLIC_KEY.findall(path.read_bytes())]
        except (OSError, ValueError) as error:
            raise BundleError(f"{path} cannot be read as public keys: {error}") from None
        ours = tuple(key for key in keys if isinstance(key, Ed25519PublicKey))
        if not ours or len(ours) < len(keys):
            raise BundleError(f"{path} must hold public keys in PEM, all of Ed25519, and at least one")
        return cls(ours)

    def verify(self, bundle: Bundle) -> str:
        """Check that one of the keys signed a bundle as it is; gives that key's fingerprint.

        Raises
        ------
        BundleError
            None did.
        """
        try:
            document = json.loads((bundle.folder / SIGNATURE_NAME).read_text())
            signature = base64.b64decode(document["signature"], validate=True)
        except FileNotFoundError:
            raise BundleError(
                f"bundle {bundle.name} is not signed; look at it, then: lethe target sign {bundle.folder} --key FILE"
            ) from None
        except (OSError, ValueError, KeyError, TypeError, binascii.Error):
            raise BundleError(
                f"bundle {bundle.name}: its {SIGNATURE_NAME} is damaged; sign it again"
            ) from None
        signed = _signed_bytes(bundle)
        for key in self.keys:
            try:
                key.verify(signature, signed)
            except InvalidSignature:
                continue
            return fingerprint(key)
        raise BundleError(
            f"bundle {bundle.name} is signed by none of the keys that are believed; look at it, and sign it by one of them"
        )


def make_signing_key(path: Path) -> Path:
    """Make a key: the private one at a path that only its owner can read, the public one beside it, in ``.pub``.

    Raises
    ------
    BundleError
        There is a file already.
    """
    public = path.with_name(f"{path.name}.pub")
    for each in (path, public):
        if each.exists():
            raise BundleError(f"{each} is there already; choose another name")
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    replace_file(path, private, mode=0o600)
    replace_file(public, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return public


def sign_bundle(folder: Path, key_file: Path) -> str:
    """Sign a bundle as it is; gives the fingerprint of the key.

    Raises
    ------
    BundleError
        The bundle is damaged, or the key cannot be used.
    """
    bundle = load_bundle(folder)
    try:
        key = load_pem_private_key(key_file.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise BundleError(f"{key_file} cannot be read as a private key: {error}") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise BundleError(f"{key_file} must be a key of Ed25519, as `lethe target new-key` makes")
    signer = fingerprint(key.public_key())
    signature = base64.b64encode(key.sign(_signed_bytes(bundle))).decode()
    replace_file(
        folder / SIGNATURE_NAME, json.dumps({"signer": signer, "signature": signature}, indent=2) + "\n"
    )
    return signer


def fingerprint(key: Ed25519PublicKey) -> str:
    """What a key is known by, for people: the beginning of its SHA-256."""
    return hashlib.sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]


def _signed_bytes(bundle: Bundle) -> bytes:
    manifest = (bundle.folder / MANIFEST_NAME).read_bytes()
    if hashlib.sha256(manifest).hexdigest()[: len(bundle.version)] != bundle.version:
        raise BundleError(f"bundle {bundle.name} was changed while it was read; try again")
    return _CONTEXT + manifest
