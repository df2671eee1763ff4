import asyncio
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lethe.bundle import Bundle, Made, install_bundle, update_bundle
from lethe.bundle.store import CORRUPTION
from lethe.classifier.conversation import Conversation
from lethe.classifier.errors import ClassifierError
from lethe.classifier.service import ClassifierService
from lethe.corruption.artifact import load_corruption, save_corruption
from lethe.server.guard.classification import ClassifierFactory
from lethe.server.metrics import Metrics
from lethe.server.settings.settings import SHIPPED_TARGETS, Settings

ASKED = Conversation.from_prompt("Who teaches potions at Hogwarts?")

COUNTED = (
    ("lethe_classifier_cache_total", {"result": "hit"}),
    ("lethe_classifier_cache_total", {"result": "miss"}),
    ("lethe_classifier_cache_bytes", {}),
    ("lethe_classifier_windows_total", {"tier": "first"}),
    ("lethe_classifier_windows_total", {"tier": "encoder"}),
)
# Says which modules the first verdict loads.
FIRST_VERDICT = """
import asyncio, sys
from pathlib import Path
from lethe.bundle import load_bundle
from lethe.classifier.conversation import Conversation
from lethe.server.guard.classification import ClassifierFactory
from lethe.server.settings.settings import Settings

async def ask():
    service = await ClassifierFactory(Settings())([load_bundle(Path(sys.argv[1]))])
    had = set(sys.modules)
    assert (await service.classify(Conversation.from_prompt("Who teaches potions at Hogwarts?"))).flagged
    print(set(sys.modules) - had or "none")
    await service.close()

asyncio.run(ask())
"""


@pytest.fixture
def factory() -> ClassifierFactory:
    return ClassifierFactory(Settings())


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return install_bundle(SHIPPED_TARGETS / "harry-potter", tmp_path / "harry-potter")


@pytest.fixture
def build(factory: ClassifierFactory) -> Callable[..., ClassifierService]:
    """Builds a classifier for a bundle and asks it, as the server does at a reload."""

    def build(bundle: Bundle) -> ClassifierService:
        async def inside() -> ClassifierService:
            service = await factory([bundle])
            assert isinstance(service, ClassifierService)
            assert (await service.classify(ASKED)).flagged
            await service.close()
            return service

        return asyncio.run(inside())

    return build


def test_scores_outlive_a_reload_that_leaves_the_head_as_it_was(build, bundle: Bundle) -> None:
    misses = build(bundle).cache.misses
    changed = update_bundle(bundle.folder, {}, description="another one")
    assert changed.version != bundle.version
    assert build(changed).cache.misses == misses


def test_a_changed_head_reads_everything_anew(build, bundle: Bundle) -> None:
    misses = build(bundle).cache.misses
    head = (bundle.folder / "classifier" / "head.json").read_bytes()
    assert build(update_bundle(bundle.folder, {"classifier/head.json": head + b"\n"})).cache.misses > misses


def test_where_words_are_is_found_out_only_for_corruptions_that_fall_on_them(
    build, bundle: Bundle, tmp_path: Path
) -> None:
    assert not build(bundle).settings.spans
    [made] = bundle.models
    assert made.corruption is not None
    on_names = replace(load_corruption(made.corruption), positions="entities")
    save_corruption(on_names, tmp_path / CORRUPTION)
    base = made.base_model.identity()
    changed = update_bundle(bundle.folder, {}, Made(base, {CORRUPTION: tmp_path / CORRUPTION}))
    assert build(changed).settings.spans


def test_without_targets_every_conversation_is_clean(factory: ClassifierFactory) -> None:
    async def ask() -> bool:
        return bool((await (await factory([])).classify(ASKED)).flagged)

    assert not asyncio.run(ask())


def test_what_verdicts_take_is_shown(factory: ClassifierFactory, bundle: Bundle) -> None:
    metrics = Metrics()
    factory.show_in(metrics)

    def shown(name: str, **labels: str) -> float:
        value = metrics.registry.get_sample_value(name, labels)
        assert value is not None
        return value

    async def ask_twice() -> None:
        service = await factory([bundle])
        # Whatever is judged while it is built is nobody's.
        for name, labels in COUNTED:
            assert shown(name, **labels) == 0
        for conversation in (
            ASKED,
            ASKED,
            Conversation.from_prompt("def add(left, right): return left + right"),
        ):
            await service.classify(conversation)
        await service.close()

    asyncio.run(ask_twice())
    assert shown("lethe_classifier_cache_total", result="hit") == 1
    assert shown("lethe_classifier_cache_total", result="miss") == 2
    assert shown("lethe_classifier_cache_bytes") > 0
    assert shown("lethe_classifier_windows_total", tier="encoder") > 0
    assert shown("lethe_classifier_windows_total", tier="first") > 0
    assert shown("lethe_classifier_waiting") == 0


def test_all_that_a_verdict_needs_is_made_before_the_first_one() -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", FIRST_VERDICT, SHIPPED_TARGETS / "harry-potter"],
        capture_output=True,
        text=True,
    )
    assert loaded.stdout == "none\n", loaded.stderr


def test_a_head_that_was_changed_since_its_bundle_was_verified_is_not_taken(build, bundle: Bundle) -> None:
    head = bundle.folder / "classifier" / "head.json"
    head.write_bytes(head.read_bytes() + b"\n")
    with pytest.raises(ClassifierError, match="was changed since its bundle was verified"):
        build(bundle)
