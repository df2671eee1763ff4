"""What is on disk comes into force together, but that no revocation waits for a bundle."""

import logging
from collections.abc import Sequence
from pathlib import Path

import pytest
from starlette.datastructures import Headers

from lethe.bundle import Action, Bundle
from lethe.server.access.access import Access
from lethe.server.access.key_file import create_key, revoke_key
from lethe.server.access.keys import Scope
from lethe.server.access.limits import LocalLimits
from lethe.server.audit.files import read_entries
from lethe.server.audit.log import AuditLog
from lethe.server.errors import Unauthorized
from lethe.server.guard.guard import Guard
from lethe.server.guard.host import NoEngines
from lethe.server.metrics import Metrics
from lethe.server.reload import Reload, ReloadError
from lethe.server.settings.policy import PolicySettings
from tests.server.stack import KeywordClassifier, corruption_file, write_target

pytestmark = pytest.mark.anyio


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A file with no key in it yet."""
    (tmp_path / "keys.yaml").write_text("keys: []\n")
    return tmp_path / "keys.yaml"


@pytest.fixture
def access(keys: Path) -> Access:
    return Access(keys, LocalLimits())


@pytest.fixture
async def guard(targets: Path) -> Guard:
    async def build(bundles: Sequence[Bundle]) -> KeywordClassifier:
        return KeywordClassifier([bundle.name for bundle in bundles])

    return Guard(targets, build, NoEngines(), PolicySettings(), Metrics())


@pytest.fixture
async def reload(guard: Guard, access: Access) -> Reload:
    """What has loaded everything once."""
    reload = Reload(guard, access.load)
    await reload()
    return reload


def in_force(guard: Guard) -> list[str]:
    return [target.name for target in guard.targets]


def lets_in(access: Access, secret: str) -> bool:
    try:
        access.identify(Headers({"Authorization": f"Bearer {secret}"}), Scope.USE)
    except Unauthorized:
        return False
    return True


async def test_bundles_and_keys_come_into_force_and_the_operator_is_told(
    reload: Reload, guard: Guard, access: Access, targets: Path, keys: Path, logged: pytest.LogCaptureFixture
) -> None:
    write_target(targets, "films", Action.REFUSE)
    _, secret = create_key(keys)
    assert (in_force(guard), lets_in(access, secret)) == (["books"], False)
    await reload.try_all()
    assert (in_force(guard), lets_in(access, secret)) == (["books", "films"], True)
    [(logger, level, line)] = logged.record_tuples
    assert (logger, level, line) == ("lethe.reload", logging.INFO, f"reloaded: {guard.describe()}")
    assert "films" in line


async def test_a_bad_bundle_keeps_the_targets_as_they_are_but_no_revocation_waiting(
    reload: Reload, guard: Guard, access: Access, targets: Path, keys: Path, logged: pytest.LogCaptureFixture
) -> None:
    key, secret = create_key(keys)
    await reload()
    revoke_key(keys, key.id)
    write_target(targets, "films")
    corruption_file(targets / "books").write_bytes(b"damaged")
    logged.clear()
    with pytest.raises(ReloadError, match="books"):
        await reload.try_all()
    assert (in_force(guard), lets_in(access, secret)) == (["books"], False)
    assert not logged.records


@pytest.mark.parametrize("content", ["keys: 3", "a: ["])
async def test_a_bad_file_of_keys_keeps_everything_as_it_is(
    reload: Reload, guard: Guard, access: Access, targets: Path, keys: Path, content: str
) -> None:
    _, secret = create_key(keys)
    await reload()
    write_target(targets, "films")
    keys.write_text(content)
    with pytest.raises(ReloadError, match=r"keys\.yaml"):
        await reload.try_all()
    assert (in_force(guard), lets_in(access, secret)) == (["books"], True)


async def test_a_reload_that_nobody_waits_for_tells_of_its_failure(
    reload: Reload, targets: Path, logged: pytest.LogCaptureFixture
) -> None:
    corruption_file(targets / "books").write_bytes(b"damaged")
    await reload()
    [(logger, level, line)] = logged.record_tuples
    assert (logger, level) == ("lethe.reload", logging.ERROR)
    assert line.startswith("reload failed, what was in force stays: ")
    assert "books" in line


async def test_every_version_that_comes_into_force_is_written_down_whoever_made_it(
    guard: Guard, access: Access, targets: Path, tmp_path: Path
) -> None:
    log = AuditLog(tmp_path / "audit", max_bytes=1 << 16, keep=3)
    reload = Reload(guard, access.load, audit=log)
    await reload.try_all()
    first = guard.targets["books"].version
    await reload.try_all()
    write_target(targets, "books", description="another")
    await reload.try_all()
    log.close()
    entries = list(read_entries(tmp_path / "audit"))
    assert {entry["event"] for entry in entries} == {"version_in_force"}
    assert [(entry["version_before"], entry["version"]) for entry in entries] == [
        (None, first),
        (first, guard.targets["books"].version),
    ]


async def test_what_cannot_be_read_ends_no_watch(
    reload: Reload, access: Access, targets: Path, keys: Path, logged: pytest.LogCaptureFixture
) -> None:
    """A folder that is watched is loaded while it is written into, and with what rights a file comes nobody knows."""
    (targets / "films" / "target.json").mkdir(parents=True)
    key, secret = create_key(keys)
    await reload()
    assert lets_in(access, secret)
    assert "target.json cannot be read" in logged.text
    targets.rename(targets.with_name("elsewhere"))
    targets.write_text("no folder")
    revoke_key(keys, key.id)
    await reload()
    assert not lets_in(access, secret)


async def test_a_fault_of_the_programs_ends_no_watch(
    targets: Path, access: Access, keys: Path, logged: pytest.LogCaptureFixture
) -> None:
    async def build(bundles: Sequence[Bundle]) -> KeywordClassifier:
        raise ArithmeticError("nobody thought of this")

    reload = Reload(Guard(targets, build, NoEngines(), PolicySettings(), Metrics()), access.load)
    _, secret = create_key(keys)
    await reload()
    assert lets_in(access, secret)
    assert "nobody thought of this" in logged.text
