"""Keys are kept in a file without their secrets, and what is wrong with the file is told."""

from pathlib import Path

import pytest

from lethe.server.access.key_file import create_key, read_keys
from lethe.server.access.keys import KeyRing, digest_of
from lethe.server.errors import OperatorError


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """Where the file is to be; there is none yet."""
    return tmp_path / "keys.yaml"


def test_no_secret_is_kept(keys: Path) -> None:
    key, secret = create_key(keys)
    assert secret not in keys.read_text()
    assert secret.rpartition("-")[2] not in keys.read_text()
    assert key.sha256 == digest_of(secret)
    assert keys.stat().st_mode & 0o077 == 0
    assert KeyRing(read_keys(keys)).find(secret) == key


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("- a", "must hold `keys:`"),
        ("users: []", "must hold `keys:`"),
        ("keys: [{id: a}]", "sha256"),
        ("a: [", "cannot read"),
        (f"keys: [{{id: a, sha256: '{'0' * 64}', created: 2026-01-01T00:00:00Z, scopes: [root]}}]", "scopes"),
    ],
)
def test_a_bad_file_of_keys_is_told(keys: Path, content: str, message: str) -> None:
    keys.write_text(content)
    with pytest.raises(OperatorError, match=message):
        read_keys(keys)
