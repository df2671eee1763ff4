"""A key is found by its secret alone, while it is valid."""

from datetime import UTC, datetime, timedelta

import pytest

from lethe.server.access.keys import ANYONE, ApiKey, KeyRing, Scope, digest_of, new_secret
from tests.server.stack import api_key

NOW, SECOND = datetime(2030, 1, 1, tzinfo=UTC), timedelta(seconds=1)


@pytest.mark.parametrize(
    ("key", "valid"),
    [
        (api_key("a"), True),
        (api_key("a", expires=NOW + SECOND), True),
        (api_key("a", expires=NOW), False),
        (api_key("a", revoked=NOW + SECOND), False),
        (api_key("a", revoked=NOW - SECOND, expires=NOW + SECOND), False),
    ],
)
def test_a_key_is_valid_until_it_expires_unless_it_was_revoked(key: ApiKey, valid: bool) -> None:
    assert key.valid_at(NOW) is valid


def test_a_ring_finds_its_keys_by_their_secrets_and_no_other() -> None:
    ring = KeyRing([api_key("a"), api_key("b"), api_key("c", revoked=NOW)])
    assert len(ring) == 3
    assert [key and key.id for key in map(ring.find, ("a", "b", "c", "d", ""))] == [
        "a",
        "b",
        None,
        None,
        None,
    ]
    assert ring.find(digest_of("a")) is None


@pytest.mark.parametrize("secret", ["\udcff", "\x00", "a" * 100_000])
def test_whatever_is_sent_as_a_secret_is_looked_up(secret: str) -> None:
    assert KeyRing([api_key("a")]).find(secret) is None


def test_every_secret_is_new_and_names_its_key() -> None:
    made = [new_secret() for _ in range(100)]
    assert len({secret for _, secret in made}) == 100
    assert all(secret.startswith(f"lethe-{identity}-") for identity, secret in made)


def test_a_key_may_use_unless_it_says_more() -> None:
    assert api_key("a").scopes == {Scope.USE}


def test_where_no_keys_are_kept_nobody_administers_and_no_secret_is_anyones() -> None:
    assert ANYONE.scopes == {Scope.USE, Scope.OBSERVE}
    assert KeyRing([ANYONE]).find("anyone") is None
