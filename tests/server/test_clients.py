"""Keys and teams are changed by administrators, at once; what is changed is recorded, and what cannot be, is told."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from lethe.server.access.key_file import create_key, set_team
from lethe.server.access.keys import Scope
from lethe.server.audit.files import read_entries
from tests.server.stack import MODEL, Stack, chat, error_of

pytestmark = pytest.mark.anyio


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A file of keys with one team."""
    set_team(tmp_path / "keys.yaml", "research")
    return tmp_path / "keys.yaml"


@pytest.fixture
def client_key(keys: Path) -> tuple[str, dict[str, str]]:
    """A client's key, which may also observe: its id and the header that bears it."""
    key, secret = create_key(keys, name="app", team="research", scopes={Scope.USE, Scope.OBSERVE})
    return key.id, {"Authorization": f"Bearer {secret}"}


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the audit log."""
    monkeypatch.setenv("LETHE_AUDIT__FOLDER", str(tmp_path / "audit"))
    return tmp_path / "audit"


@pytest.fixture
def admin(log: Path, keys: Path, client_key: object, stack: Stack) -> httpx.AsyncClient:
    """A client with an administrator's key."""
    _, secret = create_key(keys, name="admin", scopes={Scope.ADMIN})
    stack.access.load()
    stack.client.headers["Authorization"] = f"Bearer {secret}"
    return stack.client


async def verdict(stack: Stack, headers: dict[str, str]) -> str:
    answer = await stack.client.post("/v1/chat/completions", json=chat("potter"), headers=headers)
    return answer.headers.get("x-lethe-verdict", str(answer.status_code))


async def test_every_key_is_shown_with_what_it_is_held_to_and_without_its_digest(
    admin: httpx.AsyncClient, client_key: tuple[str, Any]
) -> None:
    shown = (await admin.get("/admin/clients")).json()
    assert [(key["name"], key["team"], key["state"]) for key in shown["keys"]] == [
        ("app", "research", "valid"),
        ("admin", None, "valid"),
    ]
    [team] = shown["teams"]
    assert (team["name"], team["keys"], team["targets"]) == ("research", [client_key[0]], {})
    assert "sha256" not in str(shown)


async def test_a_change_holds_for_the_next_request(
    admin: httpx.AsyncClient, stack: Stack, client_key: tuple[str, dict[str, str]]
) -> None:
    identity, headers = client_key
    assert await verdict(stack, headers) == "corrupt books"
    held = {"targets": {"books": {"action": "refuse"}}, "concurrency": 4}
    changed = await admin.put("/admin/teams/research", json=held)
    assert changed.json()["teams"][0]["concurrency"] == 4
    assert await verdict(stack, headers) == "refuse books"
    await admin.put(f"/admin/keys/{identity}", json={"team": "research", "exempt": ["books"]})
    assert await verdict(stack, headers) == "observe books"
    await admin.put(f"/admin/keys/{identity}", json={"models": ["another"]})
    assert await verdict(stack, headers) == "404"
    await admin.put(f"/admin/keys/{identity}", json={"models": [MODEL]})
    assert await verdict(stack, headers) == "corrupt books"
    assert (await admin.delete("/admin/teams/research")).json()["teams"] == []


async def test_changes_are_recorded_with_whose_they_are(
    admin: httpx.AsyncClient, stack: Stack, client_key: tuple[str, Any], log: Path
) -> None:
    identity, _ = client_key
    await admin.put("/admin/teams/sales", json={"requests_per_minute": 60})
    await admin.put(f"/admin/keys/{identity}", json={"targets": {"books": {"threshold": 0.9}}})
    await admin.delete("/admin/teams/sales")
    await admin.delete("/admin/teams/none")
    by = (await admin.get("/admin/clients")).json()["keys"][-1]["id"]
    await stack.audited(3)
    entries = [each for each in read_entries(log) if each["key"] == by]
    assert [each["event"] for each in entries] == ["team_changed", "key_changed", "team_removed"]
    assert entries[0]["policy"] == {"requests_per_minute": 60}
    assert entries[1]["changed"] == identity
    assert entries[1]["policy"]["targets"]["books"]["threshold"] == 0.9


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "said"),
    [
        ("PUT", "keys/unknown", {}, 404, "no key unknown"),
        ("PUT", "keys/KEY", {"team": "none"}, 400, "no team none"),
        ("PUT", "keys/KEY", {"scopes": ["admin"]}, 400, "scopes"),
        (
            "PUT",
            "keys/KEY",
            {"targets": {"book": {"action": "refuse"}}},
            400,
            "no target book; there are books",
        ),
        ("PUT", "keys/KEY", {"exempt": ["book"]}, 400, "no target book"),
        ("PUT", "keys/KEY", {"targets": {"books": {"action": "pass"}}}, 400, "action"),
        ("PUT", "keys/KEY", {"targets": {"books": {"threshold": 0}}}, 400, "threshold"),
        ("PUT", "teams/My team", {}, 400, "name"),
        ("PUT", "teams/sales", {"concurrency": 0}, 400, "concurrency"),
        ("PUT", "teams/sales", {"team": "research"}, 400, "team"),
        ("DELETE", "teams/none", None, 404, "no team none"),
        ("DELETE", "teams/research", None, 409, "put them into another"),
    ],
)
async def test_what_cannot_be_is_told_and_changes_nothing(
    admin: httpx.AsyncClient,
    client_key: tuple[str, Any],
    keys: Path,
    method: str,
    path: str,
    body: object,
    status: int,
    said: str,
) -> None:
    before = keys.read_bytes()
    path = path.replace("KEY", client_key[0])
    answer = await admin.request(method, f"/admin/{path}", json=body)
    assert (answer.status_code, said in error_of(answer)["message"]) == (status, True), answer.text
    assert keys.read_bytes() == before


async def test_a_file_that_cannot_be_written_is_changed_where_it_can(
    admin: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Read-only file system", "keys.yaml")

    monkeypatch.setattr("lethe.server.access.key_file.replace_file", refuse)
    answer = await admin.put("/admin/teams/sales", json={})
    assert answer.status_code == 409
    assert "use `lethe keys` and `lethe teams` where it can" in error_of(answer)["message"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/admin/clients"),
        ("PUT", "/admin/keys/a"),
        ("PUT", "/admin/teams/a"),
        ("DELETE", "/admin/teams/research"),
    ],
)
async def test_nobody_else_sees_or_changes_clients(
    admin: httpx.AsyncClient, client_key: tuple[str, dict[str, str]], method: str, path: str
) -> None:
    answer = await admin.request(method, path, json={}, headers=client_key[1])
    assert answer.status_code == 403


async def test_a_requests_entry_names_the_team(
    admin: httpx.AsyncClient, stack: Stack, client_key: tuple[str, dict[str, str]], log: Path
) -> None:
    identity, headers = client_key
    await verdict(stack, headers)
    await admin.put(f"/admin/keys/{identity}", json={})
    await verdict(stack, headers)
    await stack.audited(3)
    asked = [each for each in read_entries(log) if each["key"] == identity]
    assert [each.get("team") for each in asked] == ["research", None]
