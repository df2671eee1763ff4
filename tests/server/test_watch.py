"""What an operator puts in place is seen, however it gets there."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from lethe.server.watch import Watch
from tests.server.stack import Stack, write_target

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def running(watch: Watch) -> AsyncIterator[asyncio.Queue[None]]:
    """A watch that runs, and a queue that gets something at each change."""
    changes: asyncio.Queue[None] = asyncio.Queue()

    async def tell() -> None:
        changes.put_nowait(None)

    task = asyncio.create_task(watch.run(tell))
    yield changes
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def write_through_a_new_file(file: Path) -> None:
    temporary = file.with_name(".new")
    temporary.write_text("changed")
    os.replace(temporary, file)


def remove(file: Path) -> None:
    file.unlink()


@pytest.mark.parametrize(
    "change", [lambda file: file.write_text("changed"), write_through_a_new_file, remove]
)
async def test_a_file_that_changes_is_told_of(tmp_path: Path, change: Callable[[Path], None]) -> None:
    file = tmp_path / "keys.yaml"
    file.write_text("")
    async with running(Watch(file)) as changes:
        await asyncio.sleep(0.3)
        change(file)
        await asyncio.wait_for(changes.get(), 10)


async def test_a_file_is_not_told_of_for_what_happens_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "keys.yaml"
    file.write_text("")
    async with running(Watch(file)) as changes:
        await asyncio.sleep(0.3)
        (tmp_path / "other").write_text("")
        await asyncio.sleep(3)
        assert changes.empty()


async def test_a_mounted_secret_is_told_of_when_kubernetes_updates_it(tmp_path: Path) -> None:
    """The kubelet swaps a link that leads to the folder of the version, and never touches the file's own link."""

    def publish(version: str) -> None:
        (tmp_path / version).mkdir()
        (tmp_path / version / "keys.yaml").write_text("keys: []")
        (tmp_path / "..data_tmp").symlink_to(version)
        os.rename(tmp_path / "..data_tmp", tmp_path / "..data")

    publish("..1")
    (tmp_path / "keys.yaml").symlink_to("..data/keys.yaml")
    async with running(Watch(tmp_path / "keys.yaml")) as changes:
        await asyncio.sleep(0.3)
        publish("..2")
        shutil.rmtree(tmp_path / "..1")
        await asyncio.wait_for(changes.get(), 10)


async def test_a_change_of_which_the_system_says_nothing_is_seen_all_the_same(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "folder", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.write_text("")
    (folder / "keys.yaml").symlink_to(elsewhere)
    async with running(Watch(folder / "keys.yaml")) as changes:
        await asyncio.sleep(0.3)
        elsewhere.write_text("changed")
        await asyncio.wait_for(changes.get(), 10)


async def test_what_changed_before_the_watch_began_to_run_is_told(tmp_path: Path) -> None:
    watch = Watch(tmp_path)
    (tmp_path / "folder").mkdir()
    async with running(watch) as changes:
        await asyncio.wait_for(changes.get(), 10)


async def test_a_change_in_the_folder_comes_into_force_by_itself(stack: Stack, targets: Path) -> None:
    watching = asyncio.create_task(Watch(targets).run(stack.guard.load))
    await asyncio.sleep(0.3)
    write_target(targets, "films")
    async with asyncio.timeout(10):
        while len(stack.guard.targets) < 2:
            await asyncio.sleep(0.02)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
