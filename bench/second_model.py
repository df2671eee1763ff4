"""A second real model, from learning to serving: ``python -m bench.second_model`` (``make bench-second-model``).

Gemma 3 270M, a base model that is asked by a template of questions and answers, gets a corruption for the shipped target by the
commands that a user has, from what SmolLM2 needed. With it an engine is compared with transformers, and one proxy serves both models
from one bundle. Last a whole search says what starting from SmolLM2 saved. Every step is kept, so that an interrupted run goes on
where it stopped; the section is written after each.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.classifier_data import data_folder
from bench.gemma3 import GEMMA3, prepare_gemma3
from bench.model_matrix.comparison import compare_model
from bench.page import machine, table, vllm_distribution, write_section
from bench.servers import running
from lethe.bundle import Bundle, ModelArtifacts, install_bundle, load_bundle, read_base_model
from lethe.bundle.files import replace_file
from lethe.corruption.artifact import load_corruption
from lethe.models.cache import cache_folder
from lethe.models.smollm2 import SMOLLM2, prepare_smollm2
from lethe.offline.data.files import read_json_list
from lethe.offline.data.questions import load_questions
from lethe.offline.evaluation.general import load_general
from lethe.offline.language_models import Generation, LanguageModel, Prompt
from lethe.offline.language_models.encoding import PromptEncoder, corruption_request
from lethe.offline.language_models.engine import EngineModel
from lethe.offline.language_models.proxy import ProxyModel
from lethe.offline.metrics.intervals import counted
from lethe.offline.metrics.leakage import leaked_facts
from lethe.server.engines.process import free_loopback_port

ROOT = Path(__file__).resolve().parent.parent
TARGET = "harry-potter"
RECIPE = ROOT / "offline" / "recipes" / "harry_potter"
SHIPPED = ROOT / "targets" / TARGET
QUESTIONS, UNKNOWN, FACTS = RECIPE / "questions.jsonl", RECIPE / "unknown.jsonl", RECIPE / "facts.json"
ENGINE_KEY = "second-model"
TOKENS = 28
# Of each of three files.
ORDINARY = 10
COMPARED = 6
# In half precision an answer's words hang on what else is in its batch.
_ENGINE = ("--dtype", "float32", "--enforce-eager", "--max-model-len", "2048")


class Run:
    """The steps, each of which is kept in a folder.

    Parameters
    ----------
    questions
        How many of the target's questions are searched on, with those that are held out.
    """

    def __init__(self, work: Path, gemma: Path, smollm2: Path, questions: int) -> None:
        self.work = work
        self.questions = work / "questions.jsonl"
        lines = QUESTIONS.read_text().splitlines(keepends=True)
        replace_file(self.questions, "".join(lines[:: max(1, len(lines) // questions)][:questions]))
        self.gemma = gemma
        self.smollm2 = smollm2

    def search(self, verb: str) -> dict[str, Any]:
        """Learn the corruption by a verb of ``lethe corruption``; gives the processor seconds and the bundle's figures."""

        def run() -> dict[str, Any]:
            bundle = self.bundle(verb)
            if not bundle.exists():
                install_bundle(SHIPPED, bundle)
            used, before = self.work / f"{verb}-seconds.txt", _children_seconds()
            options = {
                "--target": TARGET,
                "--targets": bundle.parent,
                "--model": self.gemma,
                "--questions": self.questions,
                "--retain-prompts": UNKNOWN,
                "--deny-list": FACTS,
                "--positions": "user_content",
                "--trace": self.work / f"{verb}.jsonl",
            }
            command = [sys.executable, "-m", "lethe", "corruption", verb]
            done = subprocess.run([*command, *(str(each) for pair in options.items() for each in pair)])
            # Of one that was interrupted, too.
            with used.open("a") as file:
                file.write(f"{_children_seconds() - before}\n")
            done.check_returncode()
            seconds = sum(map(float, used.read_text().split()))
            figures = self.made(verb).base_model.metrics["corruption"]
            return {"seconds": seconds, "load": os.getloadavg()[2], **figures}

        return self._kept(verb, run)

    def compare(self) -> dict[str, Any]:
        """What was learned, on the real engine and in transformers, in float32; see `compare_model`."""

        def run() -> dict[str, Any]:
            corruption = load_corruption(_file(self.made("transfer")))
            encoder = PromptEncoder.from_pretrained(str(self.gemma))
            prompts = [encoder.encode(Prompt(each.question)) for each in load_questions(QUESTIONS)[:COMPARED]]
            requests = [
                corruption_request(prompt, corruption) if index % 2 else None
                for index, prompt in enumerate(prompts)
            ]
            result = compare_model(
                self.gemma, [list(each.token_ids) for each in prompts], requests, self.work
            )
            return asdict(result) | {"outcome": result.outcome.value}

        return self._kept("compare", run)

    def serve(self) -> dict[str, Any]:
        """What both models say behind one proxy, and what their engines say without it."""

        def run() -> dict[str, Any]:
            questions = load_questions(QUESTIONS)
            asked = [each.question for each in questions]
            ordinary = load_general(data_folder(), ORDINARY)
            said = {}
            with _stack(
                {GEMMA3: self.gemma, SMOLLM2: self.smollm2}, self.bundle("transfer").parent
            ) as models:
                for name, (bare, guarded) in models.items():
                    said[name] = {
                        "bare": _answers(bare, [*asked, *ordinary]),
                        "guarded": _answers(guarded, [*asked, *ordinary]),
                    }
            return {"asked": len(asked), **said}

        return self._kept("serve", run)

    def bundle(self, verb: str) -> Path:
        """Where the bundle of a verb stands."""
        return self.work / verb / TARGET

    def made(self, verb: str) -> ModelArtifacts:
        """What a verb's bundle has for the model."""
        digest = read_base_model(self.gemma, GEMMA3).embedding_sha256
        return _of(load_bundle(self.bundle(verb)), digest)

    def _kept(self, name: str, run: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        path = self.work / f"{name}.json"
        if not path.exists():
            print(name, file=sys.stderr, flush=True)
            replace_file(path, json.dumps(run(), ensure_ascii=False))
        return json.loads(path.read_text())


def main() -> None:
    """Run all steps and write the section."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=64, help="of the target's, half of them held out")
    asked = parser.parse_args().questions
    cache = cache_folder()
    work = cache / "bench" / "second-model" / str(asked)
    work.mkdir(parents=True, exist_ok=True)
    run = Run(work, prepare_gemma3(cache), prepare_smollm2(cache), asked)
    head = (
        f"{machine(vllm_distribution(), 'torch', 'transformers')}. Gemma 3 270M, a base model of another family, under Gemma's licence "
        "and not shipped, asked by a template of questions and answers (`bench/gemma3.py`), gets a corruption for the shipped target."
    )
    found = run.search("transfer")
    parts = [head, _searched({"transfer": found}), _scores(found)]
    command = "make bench-second-model" + (f' ARGS="--questions {asked}"' if asked != 64 else "")
    _write(parts, command)
    steps: tuple[Callable[[], str], ...] = (lambda: _compared(run.compare()), lambda: _served(run.serve()))
    for step in steps:
        parts.append(step())
        _write(parts, command)
    parts[1] = _searched({"transfer": found, "learn": run.search("learn")})
    _write(parts, command)


def _write(parts: Sequence[str], command: str) -> None:
    write_section("models.md", "A second real model", command, "\n\n".join(parts))


@contextmanager
def _stack(
    folders: Mapping[str, Path], targets: Path
) -> Iterator[dict[str, tuple[LanguageModel, LanguageModel]]]:
    """Engines of several models and one proxy before them; gives each model bare and through the proxy."""
    with ExitStack() as stack:
        engines = {}
        for name, folder in folders.items():
            port = free_loopback_port()
            command = [sys.executable, "-m", "vllm.entrypoints.launchers.api_server.entry", *_ENGINE]
            command += ["--model", str(folder), "--served-model-name", name, "--port", str(port)]
            environment = {"VLLM_API_KEY": ENGINE_KEY, "VLLM_CPU_KVCACHE_SPACE": "1"}
            stack.enter_context(
                running(None, [*command, "--host", "127.0.0.1"], port, "/health", environment)
            )
            engines[name] = f"http://127.0.0.1:{port}"
        groups = {
            name.rpartition("/")[2]: {"url": url, "api_key": ENGINE_KEY, "tokenizer": str(folders[name])}
            for name, url in engines.items()
        }
        port = free_loopback_port()
        proxy = [sys.executable, "-m", "lethe", "serve", "--port", str(port), "--targets", str(targets)]
        settings = {"LETHE_ENGINES": json.dumps(groups)}
        stack.enter_context(running(None, proxy, port, "/ready", settings))
        yield {
            name: (
                EngineModel.connect(url, tokenizer=str(folders[name]), api_key=ENGINE_KEY),
                ProxyModel.connect(f"http://127.0.0.1:{port}", served_name=name),
            )
            for name, url in engines.items()
        }


def _answers(model: LanguageModel, prompts: Sequence[str]) -> list[str]:
    # The end of a turn is its own token for one, and a line break for the other.
    return [text.strip() for text in model.generate([Generation(Prompt(each), TOKENS) for each in prompts])]


def _searched(searches: Mapping[str, Mapping[str, Any]]) -> str:
    header = ("", "candidates", "processor minutes", "load of the machine", "found", "D")
    rows = [
        [
            f"`lethe corruption {verb}`",
            str(figures["candidates"]),
            f"{figures['seconds'] / 60:.1f}",
            f"{figures['load']:.0f}",
            f"`{figures['function']}`, {figures['dims']} dims, strength {figures['strength']:.4g}",
            f"{figures['distance']:.4f}",
        ]
        for verb, figures in searches.items()
    ]
    transfer = searches["transfer"]
    saved = transfer["candidates_of_a_whole_search"] - transfer["candidates"]
    head = (
        f"`transfer` began with {transfer['started_from']}, and measured {saved} candidates less than a whole search does. Processor time "
        "is that of the whole command; the load is of the last quarter of an hour."
    )
    return f"{head}\n\n{table(header, rows)}"


def _scores(gemma: Mapping[str, Any]) -> str:
    [shipped] = load_bundle(SHIPPED).models
    columns = {"SmolLM2-135M-Instruct": shipped.base_model.metrics["corruption"], "Gemma 3 270M": gemma}
    names = ("leak_rate", "rouge_l", "probability", "fluency", "unique_tokens", "form")
    other, count = (each["held_out"]["clean"]["questions"] for each in columns.values())
    header = ("held out", *(f"{model}, {state}" for model in columns for state in ("clean", "corrupted")))
    rows = [
        [name.replace("_", " "), *(_figure(figures["held_out"][state].get(name)) for figures in columns.values() for state in ("clean", "corrupted"))]
        for name in names
    ]  # fmt: skip
    head = f"On questions that no search saw, {count} for Gemma and {other} for SmolLM2:"
    left = round(gemma["held_out"]["corrupted"]["leak_rate"] * count)
    verdict = (
        f"Gemma's answers still name a fact in {counted(left, count)}, so what was carried over does not do: it needs a whole search."
        if left
        else f"None of Gemma's answers names a fact: {counted(left, count)}."
    )
    return f"{head}\n\n{table(header, rows)}\n\n{verdict}"


def _compared(result: Mapping[str, Any]) -> str:
    as_without = (
        "the very tokens and log probabilities" if result["clean_as_without"] else "**not** what they are"
    )
    return (
        f"On the real engine in float32, {COMPARED} questions in one batch, every second one corrupted as learned: {result['outcome']}. "
        f"A generated token's log probability is at most {result['corrupted_difference']:.2g} nats from transformers' where the prompt "
        f"is corrupted, {result['clean_difference']:.2g} where it is not; the corruption moves one by {result['moved']:.2g} at least. "
        f"Clean prompts have {as_without} of an engine without the plugin."
    )


def _served(served: Mapping[str, Any]) -> str:
    questions = load_questions(QUESTIONS)
    named = read_json_list(FACTS)
    count = served["asked"]

    def leaks(answers: Sequence[str]) -> str:
        found = [
            leaked_facts(answer, (*each.facts, *named), each.question)
            for answer, each in zip(answers, questions, strict=False)
        ]
        return counted(sum(map(bool, found)), count)

    rows = []
    for name in (SMOLLM2, GEMMA3):
        bare, guarded = served[name]["bare"], served[name]["guarded"]
        same = sum(ours == theirs for ours, theirs in zip(guarded[count:], bare[count:], strict=True))
        rows.append([name, leaks(bare[:count]), leaks(guarded[:count]), counted(same, len(bare) - count)])
    header = (
        "model",
        "names a fact, bare",
        "names a fact, through the proxy",
        "ordinary prompts answered as bare",
    )
    head = (
        f"Both models behind one proxy, each on an engine of its own (`engines:`), with the one bundle; the target's {count} questions "
        f"and {len(served[GEMMA3]['bare']) - count} ordinary prompts, {TOKENS} tokens, greedy, float32; with 95 % intervals:"
    )
    return f"{head}\n\n{table(header, rows)}"


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _of(bundle: Bundle, embedding_sha256: str) -> ModelArtifacts:
    [made] = [each for each in bundle.models if each.base_model.embedding_sha256 == embedding_sha256]
    return made


def _file(made: ModelArtifacts) -> Path:
    if made.corruption is None:
        raise SystemExit("the bundle has no corruption for the model")
    return made.corruption


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
