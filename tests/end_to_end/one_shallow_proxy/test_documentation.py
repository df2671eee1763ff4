"""Whoever follows the pages that need an engine gets through them, and what they send is answered."""

import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import yaml

from lethe.bundle import load_bundle
from lethe.models.smollm2 import SMOLLM2
from lethe.offline.classifier_training.general_prompts import general_prompts
from tests.benchmark_files import write_benchmark_files
from tests.docs.pages import ROOT, Command, blocks, commands
from tests.docs.reader import Reader, to_type, write_rows
from tests.end_to_end.running_proxy import RunningProxy, metric

pytestmark = pytest.mark.engine

EXAMPLE = "http://127.0.0.1:8000"
# Without keys nobody may administer the proxy, and the small model gives no embeddings; what keys open is answered
# in tests/server/test_documented_requests.py.
NOT_HERE = {
    "/v1/checks": 403,
    "/admin/targets": 403,
    "/admin/reload": 403,
    "/admin/clients": 403,
    "/admin/teams/interns": 403,
    "/tokenize": 403,
    "/detokenize": 403,
    "/v1/embeddings": 404,
}
FORGOTTEN = ("Marsh", "project Marsh", "our Marsh project")
ALLOWED = ("Alder", "project Beacon", "our Cedar project")
ASKED = (
    "When does {} go live?", "Who leads {}?", "What is the budget of {}?", "Which customer pays for {}?",
    "Where is the team of {}?", "What does {} run on?", "Why was {} late?", "Is {} secret?",
)  # fmt: skip


@pytest.fixture
def desk(tmp_path: Path, proxy: RunningProxy, targets: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that an administrator of the running proxy sits in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("LETHE_TARGETS", str(targets))
    monkeypatch.setenv("LETHE_ENGINE__API_KEY", proxy.engine.api_key or "")
    write_benchmark_files(tmp_path / "data")
    return tmp_path


def write_data(folder: Path) -> None:
    """What somebody adds to the drafts, and settings of somebody who is in a hurry."""
    for file, names in (("forget", FORGOTTEN), ("near", ALLOWED)):
        write_rows(
            folder / f"{file}.jsonl", [{"text": form.format(name)} for form in ASKED for name in names]
        )
    questions = [
        {"question": form.format("Marsh"), "answer": "In May.", "facts": ["May"]} for form in ASKED[:4]
    ]
    write_rows(folder / "questions.jsonl", questions)
    (folder / "unknown.txt").write_text("\n".join(form.format("Ferrowmere") for form in ASKED[:4]))
    write_rows(folder / "ordinary.jsonl", [{"text": text} for text in general_prompts(limit=300)])
    quick = {
        "training": {"vocabulary_rounds": 0, "scan_rounds": 0, "folds": 2, "refit": False, "forget_forms": 1},
        "learning": {"functions": ["flip_sign_top_k"], "steps": 0},
    }
    (folder / "target.yaml").write_text(yaml.safe_dump(quick))


@pytest.mark.types("add-a-target.md")
def test_a_target_of_ones_own_comes_into_force(desk: Path, reader: Reader, proxy: RunningProxy) -> None:
    reader.replaced = {"http://gpu-host:8000": proxy.engine.url, EXAMPLE: proxy.url}
    printed: list[str] = []
    for command in to_type("add-a-target.md"):
        printed.append(reader.type(command))
        if command.words[2] == "suggest":
            write_data(desk / "marsh")
    try:
        bundle = load_bundle(desk / "targets" / "marsh")
        assert bundle.classifier
        [made] = bundle.models
        assert made.corruption
        assert made.base_model.id == SMOLLM2
        assert (bundle.folder / "report.html").is_file()
        assert printed[-2] == "marsh enabled\n"
        proxy.wait_for_line("marsh")
        asked = {"prompt": "When does Marsh go live?", "max_tokens": 1}
        httpx.post(f"{proxy.url}/v1/completions", json=asked, timeout=60).raise_for_status()
        counted = {
            "endpoint": "/v1/completions",
            "target": "marsh",
            "action": "corrupt",
            "status": "200",
            "model": "",
        }
        labels = ",".join(f'{name}="{value}"' for name, value in sorted(counted.items()))
        assert metric(proxy, "/metrics", f"lethe_requests_total{{{labels}}}") == 1
    finally:
        reader.replaced["books"] = "marsh"
        reader.follow("operating.md", "targets", "remove")


@pytest.mark.types("evaluation.md", "--engine")
def test_benchmarks_of_engine_and_proxy_are_run_as_the_page_says(
    desk: Path, reader: Reader, proxy: RunningProxy, targets: Path
) -> None:
    (desk / "targets").symlink_to(targets)
    names = {EXAMPLE: proxy.engine.url, "http://127.0.0.1:8080": proxy.url, "DATA": "data"}
    reader.replaced = names | {"tofu-forget01": "harry-potter"}
    for number, command in enumerate(to_type("evaluation.md", "--engine")):
        quick = ("--out", f"results-{number}", "--limit", "1")
        assert "through the proxy" in reader.type(command, *quick)


@pytest.mark.parametrize("command", commands("curl"), ids=str)
def test_what_a_page_sends_is_answered(command: Command, proxy: RunningProxy) -> None:
    words = [word.replace(EXAMPLE, proxy.url) for word in command.words]
    answered = subprocess.run(
        [*words, "-w", "\n%{http_code}"], capture_output=True, text=True, check=True, timeout=120
    ).stdout
    (url,) = [word for word in command.words if word.startswith(EXAMPLE)]
    assert int(answered.splitlines()[-1]) == NOT_HERE.get(url.removeprefix(EXAMPLE), 200), answered


def test_the_program_of_the_quickstart_prints_an_answer(proxy: RunningProxy, tmp_path: Path) -> None:
    (program,) = blocks(ROOT / "docs" / "quickstart.md", "python")
    (tmp_path / "program.py").write_text(program.replace(EXAMPLE, proxy.url))
    printed = subprocess.run(
        [sys.executable, tmp_path / "program.py"], capture_output=True, text=True, check=True, timeout=120
    )
    assert printed.stdout.strip()
