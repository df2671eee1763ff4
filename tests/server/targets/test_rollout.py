"""The operator's word on each target: on or off, by which action, for whom."""

import threading
from pathlib import Path

import pytest

from lethe.bundle import BundleError
from lethe.server.targets.rollout import DEPLOYMENT_NAME, TargetDeployment, change_deployment, read_deployment
from lethe.server.targets.targets import load_targets
from tests.server.stack import Stack, chat


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("books: {percent: 101}", "percent"),
        ("books: {colour: red}", "colour"),
        ("- books", "dictionary"),
        ("a: [", "cannot read"),
        ("a: \udcff", "cannot read"),
        ("books: 2026-13-45", "cannot read"),
        ("boks: {enabled: false}", "names boks, which is no bundle"),
    ],
)
def test_a_bad_word_is_told_and_nothing_is_loaded(targets: Path, content: str, message: str) -> None:
    (targets / DEPLOYMENT_NAME).write_text(content, errors="surrogateescape")
    with pytest.raises(BundleError, match=message):
        load_targets(targets)


def test_what_is_said_by_default_is_not_written_down(targets: Path) -> None:
    change_deployment(targets, "books", enabled=False)
    change_deployment(targets, "books", enabled=True)
    assert (targets / DEPLOYMENT_NAME).read_text() == ""
    assert read_deployment(targets) == {}
    assert change_deployment(targets, "books", percent=3) == TargetDeployment(percent=3)


@pytest.mark.anyio
async def test_a_disabled_target_is_no_longer_classified_after_a_reload(stack: Stack, targets: Path) -> None:
    change_deployment(targets, "books", enabled=False)
    await stack.guard.load()
    assert list(stack.classifiers[-1].targets) == []
    await stack.client.post("/v1/chat/completions", json=chat("potter"))
    assert stack.engine.requests == [("/v1/chat/completions", chat("potter"))]


def test_off_needs_no_quotes(targets: Path) -> None:
    (targets / DEPLOYMENT_NAME).write_text("books: {answers: off}")
    assert read_deployment(targets)["books"].answers == "off"


def test_changes_at_the_same_time_are_all_kept(targets: Path) -> None:
    """Of the console's and of a command's, one would bring a target back that the other had disabled."""
    names = [f"target-{number}" for number in range(8)]
    threads = [
        threading.Thread(target=change_deployment, args=(targets, name), kwargs={"enabled": False})
        for name in names
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(read_deployment(targets)) == names
