"""Keys are kept in a file without their secrets, and what is wrong with the file is told."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from lethe.server.access.key_file import (
    change_key,
    create_key,
    read_clients,
    read_keys,
    remove_team,
    revoke_key,
    set_team,
)
from lethe.server.access.keys import KeyAction, KeyRing, Scope, digest_of
from lethe.server.errors import OperatorError


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """Where the file is to be; there is none yet."""
    return tmp_path / "keys.yaml"


def test_no_secret_is_kept(keys: Path) -> None:
    key, secret = create_key(keys)
    assert secret not in keys.read_text()
    assert secret.removeprefix(f"lethe-{key.id}-") not in keys.read_text()
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
        ("a: \udcff", "cannot read"),
        ("keys: [{created: 2026-13-45}]", "cannot read"),
        (f"keys: [{{id: a, sha256: '{'0' * 64}', created: 2026-01-01T00:00:00Z, scopes: [root]}}]", "scopes"),
    ],
)
def test_a_bad_file_of_keys_is_told(keys: Path, content: str, message: str) -> None:
    keys.write_text(content, errors="surrogateescape")
    with pytest.raises(OperatorError, match=message):
        read_keys(keys)


def test_a_file_that_is_not_there_is_told_with_what_makes_one(keys: Path) -> None:
    with pytest.raises(OperatorError, match="lethe keys create"):
        read_keys(keys)


def test_every_key_is_read_as_it_was_made_and_the_file_is_made_with_the_first(keys: Path) -> None:
    moment = datetime(2030, 1, 1, tzinfo=UTC)
    made = [
        create_key(keys)[0],
        create_key(keys, name="a", scopes={Scope.ADMIN}, exempt={"books"}, concurrency=2)[0],
        create_key(keys, requests_per_minute=1, expires=moment)[0],
    ]
    assert read_keys(keys) == made


@pytest.mark.parametrize(
    ("field", "value"), [("concurrency", 0), ("requests_per_minute", -1), ("scopes", ["root"]), ("colour", 1)]
)
def test_what_no_key_may_have_is_told_and_nothing_is_kept(keys: Path, field: str, value: Any) -> None:
    with pytest.raises(OperatorError, match=f"^{field}[.:]"):
        create_key(keys, **{field: value})
    assert not keys.exists()


def test_a_revoked_key_stays_in_the_file_since_it_was_first_revoked(keys: Path) -> None:
    first, second = create_key(keys)[0], create_key(keys)[0]
    revoke_key(keys, first.id)
    once = read_keys(keys)
    assert [key.revoked is None for key in once] == [False, True]
    assert [key.id for key in once] == [first.id, second.id]
    revoke_key(keys, first.id)
    assert read_keys(keys) == once


def test_a_key_that_there_is_not_cannot_be_revoked(keys: Path) -> None:
    create_key(keys)
    before = keys.read_bytes()
    with pytest.raises(OperatorError, match="no key unknown"):
        revoke_key(keys, "unknown")
    assert keys.read_bytes() == before


def test_commands_at_once_keep_each_others_keys(keys: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = {key.id for key, _ in pool.map(lambda _: create_key(keys), range(16))}
    assert {key.id for key in read_keys(keys)} == made


@pytest.fixture
def research(keys: Path) -> Path:
    """A file with a team that has one valid key and one revoked."""
    set_team(keys, "research", models=["small"], targets={"books": {"action": "refuse"}}, concurrency=2)
    create_key(keys, team="research")
    revoke_key(keys, create_key(keys, team="research", name="gone")[0].id)
    return keys


def test_a_key_is_read_with_its_team_and_written_with_its_name(research: Path) -> None:
    [key, revoked] = read_keys(research)
    assert key.team == revoked.team == read_clients(research).team("research")
    assert key.how("books").action is KeyAction.REFUSE
    assert not key.may_ask({"large"})
    written = yaml.safe_load(research.read_text())
    assert {each["team"] for each in written["keys"]} == {"research"}
    assert written["teams"] == [
        {
            "name": "research",
            "targets": {"books": {"action": "refuse"}},
            "models": ["small"],
            "concurrency": 2,
        }
    ]


def test_a_changed_team_changes_its_keys_and_what_is_not_named_stays(research: Path) -> None:
    set_team(research, "research", models=None, requests_per_minute=6)
    [key, _] = read_keys(research)
    assert key.may_ask({"large"})
    assert key.how("books").action is KeyAction.REFUSE
    assert [(each.requests_per_minute, each.concurrency) for each in key.quotas] == [(None, None), (6, 2)]


def test_a_key_is_changed_and_put_into_another_team(research: Path) -> None:
    set_team(research, "sales")
    [key, _] = read_keys(research)
    changed = change_key(research, key.id, team="sales", targets={"books": {"threshold": 0.9}})
    assert changed.team is not None
    assert (changed.team.name, changed.thresholds) == ("sales", {"books": 0.9})
    assert (changed.sha256, changed.created) == (key.sha256, key.created)
    assert change_key(research, key.id, team=None).team is None


def test_a_team_with_a_valid_key_is_not_removed(research: Path) -> None:
    [key, _] = read_keys(research)
    with pytest.raises(OperatorError, match=f"team research has the keys {key.id};"):
        remove_team(research, "research")
    revoke_key(research, key.id)
    remove_team(research, "research")
    assert read_clients(research).teams == {}
    assert [each.team for each in read_keys(research)] == [None, None]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda file: create_key(file, team="none"), "team: there is no team none"),
        (lambda file: change_key(file, "unknown", name="a"), "no key unknown"),
        (lambda file: remove_team(file, "none"), "no team none"),
        (lambda file: set_team(file, "Research and sales"), "name: .* lower case letters"),
        (
            lambda file: set_team(file, "sales", targets={"books": {"threshold": 0}}),
            "targets.books.threshold: ",
        ),
        (
            lambda file: set_team(file, "sales", targets={"books": {"action": "pass"}}),
            "targets.books.action: ",
        ),
        (lambda file: set_team(file, "sales", scopes=["admin"]), "scopes: "),
    ],
)
def test_what_no_client_may_have_is_told_and_nothing_is_changed(
    research: Path, change: Callable[[Path], object], message: str
) -> None:
    before = research.read_bytes()
    with pytest.raises(OperatorError, match=message):
        change(research)
    assert research.read_bytes() == before


def test_a_file_whose_key_names_no_team_is_told(research: Path) -> None:
    document = yaml.safe_load(research.read_text())
    research.write_text(yaml.safe_dump({"keys": document["keys"]}))
    with pytest.raises(OperatorError, match=r"keys\.0\.team: there is no team research"):
        read_keys(research)


@pytest.mark.parametrize("kind", ["id", "sha256"])
def test_two_keys_that_cannot_be_told_apart_are_told(keys: Path, kind: str) -> None:
    one, other = (create_key(keys)[0].model_dump(mode="json", exclude_defaults=True) for _ in range(2))
    keys.write_text(yaml.safe_dump({"keys": [one, other | {kind: one[kind]}]}))
    with pytest.raises(OperatorError, match=f"two keys have the {kind} {one[kind]}"):
        read_keys(keys)
