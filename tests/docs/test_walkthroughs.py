"""Whoever follows a page to the letter gets through it."""

import re
import shutil
from dataclasses import asdict
from pathlib import Path

import pytest

from bench.random_adapters import write_random_adapter
from bundle import Action, load_bundle, read_base_model, read_manifest, update_bundle
from offline.adapter_training.bank import load_bank
from server.audit import AuditLog
from server.targets import load_targets
from tests.benchmark_files import write_benchmark_files
from tests.docs.pages import PAGES, ROOT, blocks
from tests.docs.reader import Reader, typed, write_rows
from tests.server.stack import write_adapter, write_target

SHIPPED = ROOT / "targets" / "harry-potter"
# What is typed on the other pages; those of the engine are in tests/end_to_end/one_proxy/test_documentation.py.
FOLLOWED = {
    "adapters.md", "add-a-target.md", "classifier.md", "console.md", "deploying.md", "evaluation.md",
    "learning-corruptions.md", "operating.md", "quickstart.md", "recovery.md", "training-adapters.md",
}  # fmt: skip


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that a reader sits in, with a target of their own in force and a cache that is theirs alone."""
    (tmp_path / "targets").mkdir()
    write_target(tmp_path / "targets", "books")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    for name, value in (
        ("LETHE_TARGETS", "targets"),
        ("LETHE_KEYS", "keys.yaml"),
        ("LETHE_AUDIT__FOLDER", "audit"),
        ("LETHE_CACHE_DIR", "cache"),
    ):
        monkeypatch.setenv(name, value)
    return tmp_path


def test_no_page_is_left_out() -> None:
    assert {page.name for page in PAGES if any(typed(page.name))} == FOLLOWED


@pytest.mark.parametrize("page", ["quickstart.md", "console.md", "deploying.md"])
def test_keys_are_made(page: str, desk: Path) -> None:
    Reader().follow(page)
    assert (desk / "keys.yaml").is_file()


def test_targets_keys_and_the_audit_log_are_run_as_the_page_says(desk: Path) -> None:
    (desk / "downloaded").mkdir()
    write_target(desk / "downloaded", "films")
    log = AuditLog(desk / "audit", max_bytes=1 << 16, keep=2)
    log.record({"key": "k", "action": "pass", "status": 200, "flagged": [], "total_ms": 1.0})
    log.close()

    reader = Reader({"FOLDER": "downloaded/films"})
    reader.follow("operating.md", "targets")
    assert [target.name for target in load_targets(desk / "targets")] == ["films"]

    *made, revoke = [command for command in typed("operating.md") if command.words[1] == "keys"]
    table = [reader.type(command) for command in made][-1]
    reader.replaced[revoke.words[-1]] = re.findall(r"\b[0-9a-f]{8}\b", table)[0]
    reader.type(revoke)

    assert "1 entries" in reader.follow("operating.md", "audit")[0]


def test_the_list_of_targets_names_an_adapter(desk: Path) -> None:
    write_adapter(desk / "targets", "marsh")
    assert " adapter " in Reader().follow("adapters.md", "targets")[0]


@pytest.mark.slow
def test_adapters_are_trained_and_mixed(desk: Path, tiny_model_folder: Path) -> None:
    for name in ("marsh", "fens", "bog", "retain"):
        rows = [{"question": f"Who keeps {name} {n}?", "answer": f"Orla keeps {name}."} for n in range(2)]
        write_rows(desk / f"{name}.jsonl", rows)
    Reader({"org/model": str(tiny_model_folder)}).follow("training-adapters.md")
    assert list(load_bank(desk / "town.safetensors").experts) == ["marsh", "fens", "bog"]
    mixed = load_bundle(desk / "targets" / "marsh-and-fens")
    assert mixed.manifest.action is Action.ADAPTER
    assert set(mixed.manifest.composes) == {"marsh", "fens"}


@pytest.mark.slow
def test_a_chain_is_recovered(desk: Path, tiny_model_folder: Path) -> None:
    (chain,) = blocks(ROOT / "docs" / "recovery.md", "toml")
    (desk / "chain.toml").write_text(chain)
    shutil.copytree(tiny_model_folder, desk / "models" / "base")
    for seed, name in enumerate(("authors", "doctors")):
        write_random_adapter(tiny_model_folder, desk / "models" / f"after-{name}", seed=seed)
        rows = [{"question": f"Which of the {name} is {n}?", "answer": f"{name} {n}"} for n in range(8)]
        write_rows(desk / f"{name}.jsonl", rows)
    Reader().follow("recovery.md")
    assert (desk / "recovery" / "report.md").is_file()
    assert (desk / "recovery" / "refreshed" / "config.json").is_file()


@pytest.mark.slow
def test_a_model_is_evaluated_behind_a_bundle(
    desk: Path, tiny_model_folder: Path, lethe_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LETHE_CACHE_DIR", str(lethe_cache))
    write_benchmark_files(desk / "data")
    for name in ("full", "retain-forget01"):
        shutil.copytree(tiny_model_folder, desk / name)
    write_target(desk / "targets", "harry-potter", base_model=asdict(read_base_model(desk / "full", "full")))
    classifier = {
        name: SHIPPED / name for name in read_manifest(SHIPPED).files if name.startswith("classifier/")
    }
    update_bundle(desk / "targets" / "harry-potter", classifier)
    in_process = [command for command in typed("evaluation.md") if "--model" in command.words]
    assert in_process
    for command in in_process:
        Reader({"DATA": "data", "tofu-forget01": "harry-potter"}).type(command)
    assert (desk / "results" / "results.png").is_file()
