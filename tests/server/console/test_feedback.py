"""What administrators say of verdicts in the console, and versions that are put back there."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from lethe.bundle import keep_version, load_bundle, update_bundle
from lethe.classifier.feedback import FeedbackFile, FeedbackState
from lethe.server.access.key_file import create_key
from lethe.server.access.keys import Scope
from lethe.server.audit.files import read_entries
from tests.server.stack import Stack, error_of

pytestmark = pytest.mark.anyio

API = "/console/api"


@pytest.fixture
def feedback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FeedbackFile:
    """What is said of the target ``books``; kept if this is asked for before the proxy."""
    monkeypatch.setenv("LETHE_FEEDBACK__FOLDER", str(tmp_path / "feedback"))
    return FeedbackFile(tmp_path / "feedback", "books")


@pytest.fixture
def second(keys: Path) -> dict[str, str]:
    """The headers of a second administrator, there if this is asked for before the proxy."""
    return {"Authorization": f"Bearer {create_key(keys, scopes={Scope.ADMIN})[1]}"}


async def give(admin: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    said = {"text": "Who sells pots?", "verdict": "not-about"} | body
    answer = await admin.post(f"{API}/targets/books/feedback", json=said)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_what_the_only_administrator_says_counts_and_the_command_that_trains_with_it_is_told(
    feedback: FeedbackFile, admin: httpx.AsyncClient, stack: Stack, log: Path
) -> None:
    assert (await admin.get(f"{API}/session")).json()["feedback"] is True
    page = await give(admin)
    [entry] = page["entries"]
    assert (entry["text"], entry["verdict"], entry["state"], entry["own"]) == (
        "Who sells pots?",
        "not-about",
        "counts",
        True,
    )
    assert entry["version"] == stack.guard.targets["books"].version
    assert page["counting"] == 1
    assert page["command"].startswith("lethe classifier train --target books --feedback ")
    await stack.audited(1)
    [written] = read_entries(log)
    assert (written["event"], written["feedback"], written["key"]) == (
        "feedback_given",
        entry["id"],
        entry["by"],
    )
    assert "pots" not in str(written)


async def test_of_two_administrators_the_other_approves(
    feedback: FeedbackFile, second: dict[str, str], admin: httpx.AsyncClient, stack: Stack, log: Path
) -> None:
    [entry] = (await give(admin))["entries"]
    assert entry["state"] == "waits"
    route = f"{API}/targets/books/feedback/{entry['id']}"
    refused = await admin.post(route, json={"decision": "approved"})
    assert refused.status_code == 400
    assert "another administrator must approve it" in error_of(refused)["message"]
    approved = await admin.post(route, json={"decision": "approved"}, headers=second)
    assert approved.status_code == 200
    assert approved.json()["counting"] == 1
    assert feedback.read()[0].state is FeedbackState.COUNTS
    await admin.post(route, json={"decision": "withdrawn"})
    await stack.audited(3)
    assert [each["event"] for each in read_entries(log)] == [
        "feedback_given",
        "feedback_approved",
        "feedback_withdrawn",
    ]


@pytest.mark.parametrize(
    ("route", "body", "status"),
    [
        ("targets/nobody/feedback", {"text": "x", "verdict": "about"}, 404),
        ("targets/books/feedback", {"text": "", "verdict": "about"}, 400),
        ("targets/books/feedback", {"text": "x" * 20_001, "verdict": "about"}, 400),
        ("targets/books/feedback", {"text": "  ", "verdict": "about"}, 400),
        ("targets/books/feedback", {"text": "x", "verdict": "maybe"}, 400),
        ("targets/books/feedback", {"text": "x", "verdict": "about", "by": "bob"}, 400),
        ("targets/books/feedback/7", {"decision": "approved"}, 404),
        ("targets/books/feedback/7", {"decision": "counts"}, 400),
        ("targets/books/rollback", {"version": "123"}, 404),
        ("targets/books/rollback", {}, 400),
    ],
)
async def test_what_cannot_be_is_an_error_in_openais_shape(
    feedback: FeedbackFile, admin: httpx.AsyncClient, route: str, body: dict[str, Any], status: int
) -> None:
    answer = await admin.post(f"{API}/{route}", json=body)
    assert answer.status_code == status
    error_of(answer)
    assert feedback.read() == []


async def test_without_a_folder_nothing_can_be_said(admin: httpx.AsyncClient) -> None:
    assert (await admin.get(f"{API}/session")).json()["feedback"] is False
    for answer in (
        await admin.get(f"{API}/targets/books/feedback"),
        await admin.post(f"{API}/targets/books/feedback", json={"text": "x", "verdict": "about"}),
    ):
        assert answer.status_code == 409
        assert "feedback.folder" in error_of(answer)["message"]


async def test_another_sites_page_can_say_nothing(feedback: FeedbackFile, admin: httpx.AsyncClient) -> None:
    said = {"text": "x", "verdict": "about"}
    headers = {"Sec-Fetch-Site": "cross-site"}
    answer = await admin.post(f"{API}/targets/books/feedback", json=said, headers=headers)
    assert answer.status_code == 403
    assert feedback.read() == []


async def test_a_file_that_is_damaged_is_told(feedback: FeedbackFile, admin: httpx.AsyncClient) -> None:
    feedback.path.parent.mkdir()
    feedback.path.write_text("nonsense\n")
    answer = await admin.get(f"{API}/targets/books/feedback")
    assert answer.status_code == 400
    assert "line 1 is no feedback" in error_of(answer)["message"]


async def test_an_earlier_version_is_put_back_and_in_force_at_once(
    admin: httpx.AsyncClient, stack: Stack, targets: Path, log: Path
) -> None:
    first = load_bundle(targets / "books").version
    keep_version(targets / "books")
    second = update_bundle(targets / "books", {}, description="Another shelf.").version
    await stack.guard.load()
    page = (await admin.get(f"{API}/targets/books/versions")).json()
    assert (page["version"], [each["version"] for each in page["earlier"]]) == (second, [first])
    page = (await admin.post(f"{API}/targets/books/rollback", json={"version": first})).json()
    assert (page["version"], [each["version"] for each in page["earlier"]]) == (first, [second])
    assert stack.guard.targets["books"].version == first
    await stack.audited(1)
    [entry] = read_entries(log)
    assert (entry["event"], entry["version_before"], entry["version"]) == (
        "target_rolled_back",
        second,
        first,
    )


async def test_a_version_that_cannot_come_into_force_is_taken_back(
    admin: httpx.AsyncClient, stack: Stack, targets: Path, keys: Path
) -> None:
    first = load_bundle(targets / "books").version
    keep_version(targets / "books")
    second = update_bundle(targets / "books", {}, description="Another shelf.").version
    keys.write_text("keys: nonsense")
    answer = await admin.post(f"{API}/targets/books/rollback", json={"version": first})
    assert answer.status_code == 409
    assert "What was in force stays" in error_of(answer)["message"]
    assert load_bundle(targets / "books").version == second


async def test_what_each_target_would_have_done_is_shown_by_day(
    admin: httpx.AsyncClient, stack: Stack, log: Path
) -> None:
    await admin.post(f"{API}/targets/books", json={"state": "shadow"})
    for prompt in ("books", "hello"):
        await admin.post(f"{API}/guarded", json={"prompt": prompt})
    await stack.audited(3)
    page = (await admin.get(f"{API}/days")).json()
    assert [(row["target"], row["requests"], row["flagged"], row["would"]) for row in page["days"]] == [
        ("films", 2, 0, {}),
        ("books", 2, 1, {"corrupt": 1}),
    ]
    assert page["since"] <= page["days"][0].get("time", float("inf"))


async def test_without_an_audit_log_no_days_are_known(secrets: dict[str, str], stack: Stack) -> None:
    headers = {"Authorization": f"Bearer {secrets['admin']}"}
    assert (await stack.client.get(f"{API}/days", headers=headers)).json() == {"days": None, "since": None}
