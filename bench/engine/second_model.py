"""A second real model, from learning to serving: ``python -m bench.engine.second_model`` (``make bench-second-model``).

Gemma 3 270M, a base model that is asked by a template of questions and answers, gets a corruption for the shipped target by the
commands that a user has: from what SmolLM2 needed, and by a whole search. With the one that hides more an engine is compared with
transformers, and one proxy serves both models from one bundle. Every step is kept, so that an interrupted run goes on where it
stopped; the section is written after each.
"""

import argparse
import json
import math
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from bench.classifier.data import data_folder
from bench.engine.gemma3 import GEMMA3, prepare_gemma3
from bench.model_matrix.comparison import MOVES_WEAKLY, compare_model
from bench.page import machine, table, vllm_distribution, write_section
from bench.repository import ROOT
from bench.servers import running
from lethe.bundle import Bundle, ModelArtifacts, install_bundle, load_bundle, read_base_model
from lethe.bundle.files import replace_file
from lethe.corruption.artifact import load_corruption
from lethe.models.cache import cache_folder
from lethe.models.smollm2 import SMOLLM2, prepare_smollm2
from lethe.offline.data.files import read_json_list
from lethe.offline.data.questions import ForgetQuestion, load_questions
from lethe.offline.evaluation.general import load_general
from lethe.offline.evaluation.tofu_data import load_tofu
from lethe.offline.language_models import Generation, LanguageModel, Prompt, Scoring
from lethe.offline.language_models.encoding import PromptEncoder, corruption_request
from lethe.offline.language_models.engine import EngineModel
from lethe.offline.language_models.guarded import guard_with_bundle
from lethe.offline.language_models.proxy import ProxyModel
from lethe.offline.metrics.intervals import counted
from lethe.offline.metrics.leakage import leaked_facts
from lethe.offline.metrics.probability import mean_log_probability
from lethe.offline.metrics.rouge import rouge_l
from lethe.server.engines.process import free_loopback_port

TARGET = "harry-potter"
RECIPE = ROOT / "offline" / "recipes" / "harry_potter"
SHIPPED = ROOT / "targets" / TARGET
QUESTIONS, UNKNOWN, FACTS = RECIPE / "questions.jsonl", RECIPE / "unknown.jsonl", RECIPE / "facts.json"
ENGINE_KEY = "second-model"
TOKENS = 28
# Of each of three files.
ORDINARY = 10
# Of each of TOFU's sets of what is to be kept; as many as its reproduction asks.
KEPT = ("world_facts", "real_authors")
KEPT_QUESTIONS = 12
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

    def compare(self, verb: str) -> dict[str, Any]:
        """What a verb learned, on the real engine and in transformers, in float32; see `compare_model`."""

        def run() -> dict[str, Any]:
            corruption = load_corruption(_file(self.made(verb)))
            encoder = PromptEncoder.from_pretrained(str(self.gemma))
            prompts = [encoder.encode(Prompt(each.question)) for each in load_questions(QUESTIONS)[:COMPARED]]
            requests = [
                corruption_request(prompt, corruption) if index % 2 else None
                for index, prompt in enumerate(prompts)
            ]
            result = compare_model(
                self.gemma,
                [list(each.token_ids) for each in prompts],
                requests,
                self.work,
                moves=MOVES_WEAKLY,
            )
            if result.corrupted_difference is None:
                # Kept, it would stand for good where the machine had merely more to do.
                raise SystemExit(f"the comparison gave nothing: {result.outcome.value}, {result.detail}")
            return asdict(result) | {"outcome": result.outcome.value}

        return self._kept("compare", run)

    def serve(self, verb: str) -> dict[str, Any]:
        """What both models say behind one proxy with a verb's bundle, and what their engines say without it."""

        def run() -> dict[str, Any]:
            sets = asked_sets()
            ordinary = load_general(data_folder(), ORDINARY)
            said = {}
            with _stack({GEMMA3: self.gemma, SMOLLM2: self.smollm2}, self.bundle(verb)) as models:
                for name, pair in models.items():
                    said[name] = {
                        kind: {
                            "ordinary": _answers(model, ordinary),
                            **{label: _said(model, questions) for label, questions in sets.items()},
                        }
                        for kind, model in zip(("bare", "guarded"), pair, strict=True)
                    }
            return said

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
        "and not shipped, asked by a template of questions and answers (`bench/engine/gemma3.py`), gets a corruption for the shipped target."
    )
    command = "make bench-second-model" + (f' ARGS="--questions {asked}"' if asked != 64 else "")
    searches: dict[str, dict[str, Any]] = {}
    parts: list[str] = []
    for verb in ("transfer", "learn"):
        searches[verb] = run.search(verb)
        parts = [head, _searched(searches), tell_scores(searches)]
        _write(parts, command)
    chosen = min(searches, key=lambda verb: rank(searches[verb]))
    steps: tuple[Callable[[], str], ...] = (
        lambda: tell_comparison(run.compare(chosen), chosen),
        lambda: tell_serving(run.serve(chosen)),
    )
    for step in steps:
        parts.append(step())
        _write(parts, command)


def rank(found: Mapping[str, Any]) -> tuple[float, float]:
    """By what a search is preferred: what still leaks, and then how far it is from never having learned."""
    return found["held_out"]["corrupted"]["leak_rate"], found["distance"]


def _write(parts: Sequence[str], command: str) -> None:
    write_section("models.md", "A second real model", command, "\n\n".join(parts))


@contextmanager
def _stack(
    folders: Mapping[str, Path], bundle: Path
) -> Iterator[dict[str, tuple[LanguageModel, LanguageModel]]]:
    """Engines of several models and one proxy before them; gives each model bare and through the proxy.

    Given answers are scored on the engine, corrupted where the bundle's classifier flags the question.
    """
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
        proxy = [sys.executable, "-m", "lethe", "serve", "--port", str(port), "--targets", str(bundle.parent)]
        settings = {"LETHE_ENGINES": json.dumps(groups)}
        stack.enter_context(running(None, proxy, port, "/ready", settings))
        models = {}
        for name, url in engines.items():
            bare = EngineModel.connect(url, tokenizer=str(folders[name]), api_key=ENGINE_KEY)
            guarded = guard_with_bundle(bare, bundle, read_base_model(folders[name], name))
            models[name] = (
                bare,
                ProxyModel.connect(f"http://127.0.0.1:{port}", served_name=name, scorer=guarded),
            )
        yield models


def asked_sets() -> dict[str, tuple[ForgetQuestion, ...]]:
    """The target's questions, and those of what is to be kept, by what they are called."""
    kept = {
        f"TOFU, {name.replace('_', ' ')}": tuple(load_tofu(name, data_folder())[:KEPT_QUESTIONS])
        for name in KEPT
    }
    return {TARGET: load_questions(QUESTIONS), **kept}


def _said(model: LanguageModel, questions: Sequence[ForgetQuestion]) -> dict[str, Any]:
    """Answers, and how likely the true ones are."""
    scores = model.score([Scoring(Prompt(each.question), each.answer) for each in questions])
    return {
        "answers": _answers(model, [each.question for each in questions]),
        "probabilities": [math.exp(mean_log_probability(each)) for each in scores],
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


def tell_scores(searches: Mapping[str, Mapping[str, Any]]) -> str:
    """What each search's corruption does to questions that it did not see, beside what SmolLM2's does."""
    [shipped] = load_bundle(SHIPPED).models
    other = shipped.base_model.metrics["corruption"]
    gemma = searches["transfer"]
    columns = {
        "SmolLM2-135M-Instruct, clean": other["held_out"]["clean"],
        "SmolLM2-135M-Instruct, corrupted": other["held_out"]["corrupted"],
        "Gemma 3 270M, clean": gemma["held_out"]["clean"],
        **{f"by `{verb}`": found["held_out"]["corrupted"] for verb, found in searches.items()},
    }
    names = ("leak_rate", "rouge_l", "probability", "fluency", "unique_tokens", "form")
    rows = [
        [name.replace("_", " "), *(_figure(figures.get(name)) for figures in columns.values())]
        for name in names
    ]
    count = gemma["held_out"]["clean"]["questions"]
    head = f"On questions that no search saw, {count} for Gemma and {other['held_out']['clean']['questions']} for SmolLM2:"

    def leaks(figures: Mapping[str, Any]) -> str:
        return counted(round(figures["leak_rate"] * count), count)

    left = "; ".join(
        f"by `{verb}` {leaks(found['held_out']['corrupted'])}" for verb, found in searches.items()
    )
    verdict = f"Gemma's answers name a fact in {leaks(gemma['held_out']['clean'])} clean; {left}."
    return f"{head}\n\n{table(('held out', *columns), rows)}\n\n{verdict}"


def tell_comparison(result: Mapping[str, Any], verb: str) -> str:
    """How an engine compares with transformers."""
    as_without = (
        "the very tokens and log probabilities" if result["clean_as_without"] else "**not** what they are"
    )
    return (
        f"On the real engine in float32, {COMPARED} questions in one batch, every second one corrupted as `{verb}` found it: "
        f"{result['outcome']}. "
        f"A generated token's log probability is at most {result['corrupted_difference']:.2g} nats from transformers' where the prompt "
        f"is corrupted, {result['clean_difference']:.2g} where it is not; the corruption moves one by {result['moved']:.2g} at least. "
        f"Clean prompts have {as_without} of an engine without the plugin."
    )


def tell_serving(served: Mapping[str, Any]) -> str:
    """What both models say, guarded and bare."""
    asked, facts = asked_sets(), read_json_list(FACTS)

    def leaks(said: Mapping[str, Any]) -> str:
        found = [
            leaked_facts(answer, (*each.facts, *facts), each.question)
            for answer, each in zip(said["answers"], asked[TARGET], strict=True)
        ]
        return counted(sum(map(bool, found)), len(found))

    def scores(said: Mapping[str, Any], label: str) -> list[str]:
        overlaps = [
            rouge_l(each.answer, answer).recall
            for answer, each in zip(said["answers"], asked[label], strict=True)
        ]
        named = leaks(said) if label == TARGET else ""
        return [named, f"{np.mean(overlaps):.3f}", f"{np.mean(said['probabilities']):.3f}"]

    def same(ours: Sequence[str], theirs: Sequence[str]) -> str:
        return counted(sum(one == other for one, other in zip(ours, theirs, strict=True)), len(ours))

    rows = []
    for name in (SMOLLM2, GEMMA3):
        bare, guarded = served[name]["bare"], served[name]["guarded"]
        for label in asked:
            alike = same(guarded[label]["answers"], bare[label]["answers"])
            rows.append([name, label, "original", *scores(bare[label], label), ""])
            rows.append([name, label, "ECO", *scores(guarded[label], label), alike])
        rows.append(
            [name, "ordinary prompts", "ECO", "", "", "", same(guarded["ordinary"], bare["ordinary"])]
        )
    header = ("model", "asked", "served", "names a fact", "ROUGE-L", "probability", "answered as original")
    kept = ", ".join(f"{len(questions)} of {label}" for label, questions in asked.items() if label != TARGET)
    head = (
        "Both models behind one proxy, each on an engine of its own (`engines:`), with the one bundle, in float32: the target's "
        f"{len(asked[TARGET])} questions, {kept}, and {len(served[GEMMA3]['bare']['ordinary'])} ordinary prompts; {TOKENS} tokens, greedy; "
        "shares with 95 % intervals. `original` is the engine without the proxy. These are the [TOFU reproduction](reproduction-tofu.md)'s "
        "columns `original, served` and `ECO, served`; neither model was taught TOFU here, so there is no retained model, "
        "nor a forget quality."
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
