"""Whoever follows a page to the letter gets through it.

What pages send with curl is typed in tests/server/test_documented_requests.py, and before a real engine in
tests/end_to_end/one_shallow_proxy/test_documentation.py, as are the commands that need one.
"""

import functools
import inspect
import re
import shutil
from collections.abc import Iterator, Mapping, Set
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bench.engine.random_adapters import write_random_adapter
from lethe.bundle import (
    Action,
    Bundle,
    keep_version,
    kept_versions,
    load_bundle,
    read_base_model,
    read_manifest,
    update_bundle,
)
from lethe.classifier.feedback import FeedbackFile, FeedbackVerdict
from lethe.classifier.sampled_scores import scoring_head
from lethe.cli.main import app
from lethe.offline.adapter_training.bank import load_bank
from lethe.server.access.key_file import create_key, read_keys
from lethe.server.audit.log import AuditLog
from lethe.server.targets.targets import load_targets
from tests.benchmark_files import write_benchmark_files
from tests.docs.pages import ROOT, Command, blocks, commands
from tests.docs.reader import Reader, to_type, write_rows
from tests.docs.test_commands import resolved
from tests.end_to_end.one_shallow_proxy import test_documentation
from tests.offline.classifier_training.test_train import ABOUT, NEAR, PLACES
from tests.server.stack import write_adapter, write_target

SHIPPED = ROOT / "targets" / "harry-potter"
# What is on a page and not typed by a test that follows it, by verb or by option, and why.
NOT_TYPED = {
    "lethe serve": "goes on until it is stopped: tests/end_to_end/running_proxy.py starts it, and stops it",
    "lethe demo": "needs an engine: tests/cli/test_demo.py runs it before servers that stand for two",
    "lethe redteam": "needs a proxy that runs: tests/server/test_red_team.py has one",
    **dict.fromkeys(
        ("lethe targets push", "lethe targets pull"),
        "needs a registry or a hub: tests/cli/test_targets_registry.py has one",
    ),
    "lethe classifier harden": "attacks and trains, for minutes: "
    "tests/offline/classifier_hardening/test_harden.py hardens a small one",
    "lethe classifier train --fine-tune-epochs": "trains an encoder, for minutes: "
    "tests/offline/classifier_training/test_encoder_tuning.py trains a small one",
}


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


def marked(module: Mapping[str, Any]) -> Iterator[Command]:
    """The commands that a module's tests type, by their marks; the reader sees to it that these hold."""
    for test in module.values():
        marks = (
            [mark for mark in getattr(test, "pytestmark", ()) if mark.name == "types"]
            if callable(test)
            else []
        )
        assert not marks or "reader" in inspect.signature(test).parameters, test
        for mark in marks:
            yield from to_type(*mark.args)


def untyped(command: Command, typed: Set[Command]) -> set[str]:
    """What of a command no test types: its verb, or options of it.

    In running text a command stands for its verb, or for all below it, and for the options that it names.
    """
    verb, options = verb_and_options(command)
    alike = [each for each in map(verb_and_options, typed) if f"{each[0]} ".startswith(f"{verb} ")]
    if command.whole or not alike:
        return set() if command in typed else {verb}
    return {f"{verb} {option}" for option in options.difference(*(known for _, known in alike))}


@functools.cache
def verb_and_options(command: Command) -> tuple[str, set[str]]:
    context, words = resolved(command)
    return context.command_path, {word for word in words if word.startswith("--")} - {"--help"}


def test_every_command_is_typed_but_where_there_is_a_reason() -> None:
    typed = {*marked(globals()), *marked(vars(test_documentation))}
    missing = {str(command): untyped(command, typed) for command in commands("lethe")}
    assert not {
        command: names - NOT_TYPED.keys() for command, names in missing.items() if names - NOT_TYPED.keys()
    }
    assert set().union(*missing.values()) == NOT_TYPED.keys(), "a reason is for nothing"


@pytest.mark.parametrize("reason", NOT_TYPED.values())
def test_what_stands_in_for_typing_is_there(reason: str) -> None:
    [file] = re.findall(r"tests/[\w/]+\.py", reason)
    assert (ROOT / file).is_file()


@pytest.mark.types("quickstart.md")
@pytest.mark.types("console.md")
@pytest.mark.types("deploying.md")
@pytest.mark.types("redteam.md", "keys")
def test_keys_are_made(desk: Path, reader: Reader) -> None:
    made = [reader.follow(page) for page in ("quickstart.md", "console.md", "deploying.md")]
    made.append(reader.follow("redteam.md", "keys"))
    assert len(read_keys(desk / "keys.yaml")) == sum(map(len, made))


@pytest.mark.types("operating.md", "doctor")
@pytest.mark.types("operating.md", "support-bundle")
def test_an_installation_is_looked_at(desk: Path, reader: Reader) -> None:
    create_key(desk / "keys.yaml")
    assert "ok    bundles" in reader.follow("operating.md", "doctor")[0]
    assert "target-1 books" in reader.follow("operating.md", "support-bundle")[0]


@pytest.mark.types("operating.md", "target")
def test_a_bundle_is_signed_and_comes_into_force(
    desk: Path, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "books" in reader.follow("operating.md", "target")[1]
    [target] = load_targets(desk / "targets", desk / "signing-key.pub")
    assert target.name == "books"
    monkeypatch.setenv("LETHE_SIGNERS", "signing-key.pub")
    write_target(desk, "films")
    assert "films is not signed" in CliRunner().invoke(app, ["targets", "add", "films"]).output


@pytest.mark.types("operating.md", "targets")
@pytest.mark.types("operating.md", "keys")
@pytest.mark.types("operating.md", "teams")
@pytest.mark.types("operating.md", "audit")
def test_targets_keys_and_the_audit_log_are_run_as_the_page_says(desk: Path, reader: Reader) -> None:
    (desk / "downloaded").mkdir()
    write_target(desk / "downloaded", "films")
    log = AuditLog(desk / "audit", max_bytes=1 << 16, keep=2)
    log.record({"key": "k", "action": "pass", "status": 200, "flagged": [], "total_ms": 1.0})
    log.close()

    reader.replaced["FOLDER"] = "downloaded/films"
    reader.replaced["VERSION"] = load_bundle(desk / "targets" / "books").version
    keep_version(desk / "targets" / "books")
    write_target(desk / "targets", "books", description="another")
    reader.follow("operating.md", "targets")
    assert [target.name for target in load_targets(desk / "targets")] == ["films"]

    shown = ""
    for command in to_type("operating.md"):
        if command.words[1] in ("keys", "teams"):
            said = reader.type(command)
            shown = shown or said * (command.words[1:] == ("keys", "list"))
            reader.replaced["3f2a9c01"] = (re.findall(r"\b[0-9a-f]{8}\b", shown) or ["3f2a9c01"])[0]

    assert "1 entries" in reader.follow("operating.md", "audit")[0]


@pytest.mark.types("adapters.md")
def test_the_list_of_targets_names_an_adapter(desk: Path, reader: Reader) -> None:
    write_adapter(desk / "targets", "marsh")
    assert " adapter " in reader.follow("adapters.md")[0]


@pytest.mark.slow
@pytest.mark.types("corruption.md")
def test_a_corruption_is_looked_at(desk: Path, reader: Reader, small_model: Path) -> None:
    shutil.copytree(SHIPPED, desk / "targets" / SHIPPED.name)
    reader.replaced["MODEL"] = str(small_model)
    described, shown = reader.follow("corruption.md")
    assert "rand_noise_first_n" in described
    assert "Harry" in shown
    assert (desk / "map.png").read_bytes().startswith(b"\x89PNG")


def write_scores(folder: Path, bundle: Bundle) -> None:
    """Write a sample of the scores of forty requests, and another that is being written."""
    folder.mkdir()
    of_target = {"head": scoring_head(bundle), "reach": 0.1}
    row = {"day": "2026-01-31", "characters": 9, "status": "ok", "targets": {bundle.name: of_target}}
    write_rows(folder / "scores-000001.jsonl", [row] * 41)


@pytest.mark.slow
@pytest.mark.types("training-classifiers.md")
def test_a_classifier_is_trained_and_tried(
    desk: Path, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    for file, forms in (("forget", ABOUT), ("near", NEAR)):
        rows = [{"text": form.format(place)} for form in forms for place in PLACES]
        write_rows(desk / f"{file}.jsonl", rows)
    write_rows(desk / "ordinary.jsonl", [{"text": f"Explain topic number {n}."} for n in range(60)])
    quick = (
        "--vocabulary-rounds",
        "0",
        "--scan-rounds",
        "0",
        "--folds",
        "2",
        "--no-refit",
        "--forget-forms",
        "1",
        "--general",
        "ordinary.jsonl",
        "--floor",
        "0.5",
    )
    reader.added = {"train": quick, "calibrate": ("--rate", "0.25")}
    held_out = [{"text": ABOUT[0].format(PLACES[0]), "flag": True}, {"text": "What is bread?", "flag": False}]
    write_rows(desk / "held-out.jsonl", held_out)
    for file, thing, forms in (("answers", "lighthouse", ABOUT), ("near-answers", "gulls", NEAR)):
        answer = f"The {thing} of {{}}, as everybody on the island knows."
        rows = [
            {"question": form.format(place), "answer": answer.format(place)}
            for form in forms
            for place in PLACES
        ]
        write_rows(desk / f"{file}.jsonl", rows)
    write_rows(desk / "asked.jsonl", [{"text": f"What is the topic of page {n}?"} for n in range(40)])
    log = AuditLog(desk / "audit", max_bytes=1 << 20, keep=2)
    for n in range(40):
        log.record({"scores": {}, "text": [[{"role": "user", "text": f"What is on page {n}?"}]]})
    log.close()
    feedback = FeedbackFile(desk / "feedback", "my-target")
    said = feedback.give("Who lit it?", FeedbackVerdict.ABOUT, by="somebody", version="", needs_approval=True)
    secret = create_key(desk / "keys.yaml", scopes={"admin"})[1]
    monkeypatch.setenv("LETHE_ADMIN_KEY", secret)
    monkeypatch.setenv("LETHE_FEEDBACK__FOLDER", "feedback")
    reader.replaced["3f2a9c01d4e5"] = said.id
    typed: list[str] = []
    for command in to_type("training-classifiers.md"):
        if "./scores" in command.words:
            write_scores(desk / "scores", load_bundle(desk / "targets" / "my-target"))
        if "VERSION" in command.words:
            reader.replaced["VERSION"] = kept_versions(desk / "targets" / "my-target")[-1].version
        typed.append(reader.type(command))
    trained, tried, moved, asked, _, answered, tested, *rest = typed
    _, by_log, by_scores, _, listed, _, trained_again, versions, rolled_back = rest
    assert "| ordinary |" in trained
    assert "flagged from" in asked
    assert "40 requests, by the audit log" in by_log
    assert "stays as it is" in by_log
    assert "40 requests, by the score sample" in by_scores
    assert "Who sells potter's clay?" in listed
    assert "known questions are found" in trained_again
    assert answered.startswith("my-target: ")
    assert "in place" in versions
    assert "again" in rolled_back
    assert tried.startswith("my-target: not flagged")
    assert "flagged from probability 0.8" in moved
    assert "my-target: 2 texts, flagged from probability" in tested
    assert len((desk / "verdicts.jsonl").read_text().splitlines()) == 2


@pytest.mark.slow
@pytest.mark.types("incidents.md")
@pytest.mark.types("upgrading.md")
def test_incidents_and_an_upgrade_are_gone_through(
    desk: Path, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    for file, forms in (("forget", ABOUT), ("near", NEAR)):
        write_rows(desk / f"{file}.jsonl", [{"text": f.format(place)} for f in forms for place in PLACES])
    write_rows(desk / "ordinary.jsonl", [{"text": f"Explain topic number {n}."} for n in range(60)])
    sources = ["--forget", "forget.jsonl", "--retain", "near.jsonl", "--general", "ordinary.jsonl"]
    quick = ["--vocabulary-rounds", "0", "--scan-rounds", "0", "--folds", "2", "--no-refit"]
    trained = CliRunner().invoke(app, ["classifier", "train", "--target", "books", *sources, *quick])
    assert trained.exit_code == 0, trained.output
    log = AuditLog(desk / "audit", max_bytes=1 << 20, keep=2)
    for n in range(40):
        asked = [[{"role": "user", "text": f"What is on page {n}?"}]]
        log.record(
            {"scores": {}, "text": asked, "key": "k", "action": "pass", "status": 200, "total_ms": 1.0}
        )
    log.close()
    monkeypatch.setenv("LETHE_FEEDBACK__FOLDER", "feedback")
    reader.replaced["KEY"] = create_key(desk / "keys.yaml", scopes={"use"})[0].id
    reader.added = {"calibrate": ("--rate", "0.25")}
    typed: list[str] = []
    for command in to_type("incidents.md"):
        if "VERSION" in command.words:
            reader.replaced["VERSION"] = kept_versions(desk / "targets" / "books")[0].version
        typed.append(reader.type(command))
    assert "books refused\n" in typed
    assert any("flagged, probability" in printed for printed in typed)
    assert "books enabled for 10 % of the keys\n" in typed
    assert "books observed\n" in typed
    assert any("is version" in printed for printed in typed)
    assert [key.requests_per_minute for key in read_keys(desk / "keys.yaml")] == [60]
    assert any("ok    bundles" in printed for printed in reader.follow("upgrading.md"))


@pytest.mark.slow
@pytest.mark.types("learning-corruptions.md")
def test_a_corruption_is_learned(desk: Path, reader: Reader, tiny_model_folder: Path) -> None:
    questions = [{"question": f"Who keeps marsh {n}?", "answer": "Orla", "facts": ["Orla"]} for n in range(4)]
    write_rows(desk / "questions.jsonl", questions)
    write_rows(desk / "unknown.jsonl", [{"text": "Who keeps Ferrowmere?"}])
    (desk / "facts.json").write_text('["Orla"]')
    shutil.copytree(tiny_model_folder, desk / "other-model")
    reader.replaced = {
        "--engine": "--model",
        "http://gpu-host:8000": str(tiny_model_folder),
        "org/other": "other-model",
    }
    short = ("--steps", "0", "--max-tokens", "4")
    reader.added = {"learn": ("--function", "flip_sign_top_k", *short), "transfer": short}
    printed = "".join(reader.follow("learning-corruptions.md"))
    assert "flip_sign_top_k" in printed
    assert " saved" in printed
    [made] = load_bundle(desk / "targets" / "marsh").models
    assert made.corruption


@pytest.mark.slow
@pytest.mark.types("training-adapters.md")
def test_adapters_are_trained_and_mixed(desk: Path, reader: Reader, tiny_model_folder: Path) -> None:
    for name in ("marsh", "fens", "bog", "retain"):
        rows = [{"question": f"Who keeps {name} {n}?", "answer": f"Orla keeps {name}."} for n in range(2)]
        write_rows(desk / f"{name}.jsonl", rows)
    reader.replaced["org/model"] = str(tiny_model_folder)
    reader.follow("training-adapters.md")
    assert list(load_bank(desk / "town.safetensors").experts) == ["marsh", "fens", "bog"]
    mixed = load_bundle(desk / "targets" / "marsh-and-fens")
    assert mixed.manifest.action is Action.ADAPTER
    assert set(mixed.manifest.composes) == {"marsh", "fens"}


@pytest.mark.slow
@pytest.mark.types("recovery.md")
def test_a_chain_is_recovered(desk: Path, reader: Reader, tiny_model_folder: Path) -> None:
    (chain,) = blocks(ROOT / "docs" / "recovery.md", "toml")
    (desk / "chain.toml").write_text(chain)
    shutil.copytree(tiny_model_folder, desk / "models" / "base")
    for seed, name in enumerate(("authors", "doctors")):
        write_random_adapter(tiny_model_folder, desk / "models" / f"after-{name}", seed=seed)
        rows = [{"question": f"Which of the {name} is {n}?", "answer": f"{name} {n}"} for n in range(8)]
        write_rows(desk / f"{name}.jsonl", rows)
    reader.follow("recovery.md")
    assert (desk / "recovery" / "report.md").is_file()
    assert (desk / "recovery" / "refreshed" / "config.json").is_file()


@pytest.mark.slow
@pytest.mark.types("evaluation.md", "report")
def test_a_card_is_written_after_a_change_by_hand(desk: Path, reader: Reader) -> None:
    write_target(desk / "targets", "marsh")
    [printed] = reader.follow("evaluation.md", "report")
    assert printed.splitlines() == ["targets/marsh/README.md", "targets/marsh/report.html"]
    assert "marsh" in (desk / "targets" / "marsh" / "README.md").read_text()


@pytest.mark.slow
@pytest.mark.types("evaluation.md", "--model")
def test_a_model_is_evaluated_behind_a_bundle(
    desk: Path, reader: Reader, tiny_model_folder: Path, lethe_cache: Path, monkeypatch: pytest.MonkeyPatch
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
    reader.replaced = {"DATA": "data", "tofu-forget01": "harry-potter"}
    reader.follow("evaluation.md", "--model")
    assert (desk / "results" / "results.png").is_file()
