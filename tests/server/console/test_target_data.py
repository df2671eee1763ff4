"""Targets are made, changed and built from the console by administrators alone, and come into force in shadow."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from lethe.bundle import Action, load_bundle
from lethe.offline.target_building.data import make_folder
from lethe.server.audit.files import read_entries
from lethe.server.console import target_data
from lethe.server.targets.rollout import read_deployment
from tests.server.stack import Stack, error_of, write_target

pytestmark = pytest.mark.anyio

API = "/console/api/target-data"


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of targets' data, which the proxy is told of if this is asked for before it."""
    monkeypatch.setenv("LETHE_CONSOLE__TARGET_DATA", str(tmp_path / "target-data"))
    return tmp_path / "target-data"


@pytest.fixture
def marsh(data: Path) -> Path:
    """A new target's folder."""
    data.mkdir()
    return make_folder(data / "marsh")


async def built(admin: httpx.AsyncClient) -> dict[str, Any]:
    """How the build of the target ended."""
    async with asyncio.timeout(300):
        while (state := (await admin.get(f"{API}/marsh/build")).json())["running"]:
            await asyncio.sleep(0.1)
    return state


async def test_a_target_is_made_and_its_data_are_changed(data: Path, admin: httpx.AsyncClient) -> None:
    made = await admin.post(API, json={"name": "marsh"}, timeout=120)
    assert made.status_code == 200, made.text
    [target] = made.json()["targets"]
    assert (target["name"], target["built"], target["running"]) == ("marsh", None, False)
    assert set(target["counts"]) == set(target_data.FILES)
    assert set(target["counts"].values()) == {0}
    files = (await admin.get(f"{API}/marsh")).json()["files"]
    assert "one prompt a line" in files["forget.txt"]
    changed = await admin.post(
        f"{API}/marsh/files/forget.txt", json={"text": "# a comment\nWho leads Marsh?\n\nAnd when?\n"}
    )
    assert changed.json()["targets"][0]["counts"]["forget.txt"] == 2
    questions = "- question: Who?\n  answer: Ada\n- question: When?\n  answer: May\n"
    counted = await admin.post(f"{API}/marsh/files/questions.yaml", json={"text": questions})
    assert counted.json()["targets"][0]["counts"]["questions.yaml"] == 2


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("", {"name": "Moon Landings"}, 400, "moon-landings would do"),
        ("", {"name": "../marsh"}, 400, "cannot be named"),
        ("", {"name": "marsh"}, 409, "is there already"),
        (
            "/marsh/files/target.yaml",
            {"text": "engine: http://elsewhere"},
            404,
            "is no file of a target's data",
        ),
        ("/marsh/files/..%2fx", {"text": ""}, 404, ""),
        ("/fens/files/forget.txt", {"text": ""}, 404, "no data of a target fens"),
        ("/fens/build", {}, 404, "no data of a target fens"),
        ("/marsh/shadow", {}, 404, "was not built yet"),
        ("/fens/shadow", {}, 404, "no data of a target fens"),
        ("/%2e%2e/shadow", {}, 404, ""),
        ("/.bundles/shadow", {}, 404, "no data of a target .bundles"),
    ],
)
async def test_what_cannot_be_is_refused(
    data: Path, admin: httpx.AsyncClient, marsh: Path, path: str, body: dict[str, str], status: int, said: str
) -> None:
    answer = await admin.post(API + path, json=body, timeout=120)
    assert answer.status_code == status, answer.text
    assert said in answer.text
    assert sorted(each.name for each in data.iterdir()) == ["marsh"]


async def test_a_build_tells_what_it_says_and_how_it_ended(
    data: Path, admin: httpx.AsyncClient, marsh: Path
) -> None:
    assert (await admin.post(f"{API}/marsh/build")).json()["running"]
    again = await admin.post(f"{API}/marsh/build")
    assert (again.status_code, "one is at a time" in again.text) == (409, True)
    state = await built(admin)
    assert state["status"] == 1
    assert "forget: 0 prompts; 10 are the least" in state["lines"][-1]


async def test_a_build_is_interrupted(data: Path, admin: httpx.AsyncClient, marsh: Path) -> None:
    await admin.post(f"{API}/marsh/build")
    stopped = (await admin.post(f"{API}/marsh/stop")).json()
    assert not stopped["running"]
    assert stopped["status"] != 0


async def test_what_was_built_is_put_in_shadow_and_stays_so(
    data: Path, log: Path, admin: httpx.AsyncClient, marsh: Path, targets: Path, stack: Stack
) -> None:
    (data / ".bundles").mkdir()
    write_target(data / ".bundles", "marsh")
    answer = await admin.post(f"{API}/marsh/shadow")
    assert answer.json()["targets"][0]["built"] == load_bundle(targets / "marsh").version
    assert read_deployment(targets)["marsh"].action is Action.OBSERVE
    assert {target.name: target.action for target in stack.guard.targets}["marsh"] is Action.OBSERVE


async def test_what_cannot_come_into_force_leaves_all_as_it_was(
    data: Path, admin: httpx.AsyncClient, marsh: Path, targets: Path, stack: Stack
) -> None:
    (data / ".bundles").mkdir()
    write_target(data / ".bundles", "marsh")
    (targets / "books" / "classifier" / "head.json").write_text("damaged")
    answer = await admin.post(f"{API}/marsh/shadow")
    assert answer.status_code == 409
    assert "what was in force stays" in error_of(answer)["message"]
    assert not (targets / "marsh").exists()
    assert "marsh" not in read_deployment(targets)
    assert {target.name for target in stack.guard.targets} == {"books", "films"}


async def test_what_is_damaged_is_replaced(
    data: Path, admin: httpx.AsyncClient, marsh: Path, targets: Path, stack: Stack
) -> None:
    (data / ".bundles").mkdir()
    write_target(data / ".bundles", "marsh")
    write_target(targets, "marsh")
    (targets / "marsh" / "classifier" / "head.json").write_text("damaged")
    answer = await admin.post(f"{API}/marsh/shadow")
    assert answer.status_code == 200, answer.text
    assert load_bundle(targets / "marsh").version == load_bundle(data / ".bundles" / "marsh").version
    assert "marsh" in {target.name for target in stack.guard.targets}


async def test_what_is_damaged_is_left_where_nothing_can_replace_it(
    data: Path, admin: httpx.AsyncClient, marsh: Path, targets: Path, stack: Stack
) -> None:
    (data / ".bundles").mkdir()
    for folder in (data / ".bundles", targets):
        write_target(folder, "marsh")
        (folder / "marsh" / "classifier" / "head.json").write_text("damaged")
    answer = await admin.post(f"{API}/marsh/shadow")
    assert answer.status_code == 409
    assert (targets / "marsh" / "classifier" / "head.json").read_text() == "damaged"


async def test_other_keys_and_proxies_without_the_setting_have_none_of_it(
    data: Path, secrets: dict[str, str], marsh: Path, keys: Path, stack: Stack
) -> None:
    for method, path in (
        ("GET", ""),
        ("POST", ""),
        ("GET", "/marsh"),
        ("POST", "/marsh/files/forget.txt"),
        ("GET", "/marsh/build"),
        ("POST", "/marsh/build"),
        ("POST", "/marsh/stop"),
        ("POST", "/marsh/shadow"),
    ):
        for headers, status in (({}, 401), ({"Authorization": f"Bearer {secrets['use']}"}, 403)):
            answer = await stack.client.request(method, API + path, json={}, headers=headers)
            assert answer.status_code == status, (method, path)


async def test_without_a_folder_there_are_no_routes(admin: httpx.AsyncClient) -> None:
    assert not (await admin.get("/console/api/session")).json()["target_data"]
    assert (await admin.get(API)).status_code == 404


async def test_what_administrators_do_is_written_down(
    data: Path, log: Path, admin: httpx.AsyncClient, marsh: Path, stack: Stack
) -> None:
    await admin.post(f"{API}/marsh/files/names.txt", json={"text": "Marsh"})
    await admin.post(f"{API}/marsh/build")
    await built(admin)
    async with asyncio.timeout(10):
        while len(events := [each.get("event") for each in read_entries(log)]) < 2:
            await asyncio.sleep(0.05)
    assert [event for event in events if str(event).startswith("target_")] == [
        "target_data_changed",
        "target_build_started",
    ]


async def test_a_file_that_is_no_utf8_hides_no_target(
    data: Path, admin: httpx.AsyncClient, marsh: Path
) -> None:
    make_folder(data / "fens")
    (marsh / "forget.txt").write_bytes("Who dug the café's well?\n".encode("latin-1"))
    listed = (await admin.get(API)).json()["targets"]
    assert [target["name"] for target in listed] == ["fens", "marsh"]
    assert "caf\ufffd" in (await admin.get(f"{API}/marsh")).json()["files"]["forget.txt"]
