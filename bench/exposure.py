"""What can be got out of the shipped target: ``python -m bench.exposure``.

RWKU's probes (arXiv 2406.10890): questions and sentences with a blank, no text about the target beside them, and neighbours
that are to stay known. The bare model and the guarded one, whole and with rounded weights. What was answered is kept, so
a run that was interrupted goes on.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from bench.page import machine, write_section
from bench.reproduction.command import timed_lines
from lethe.models.cache import cache_folder
from lethe.models.smollm2 import SMOLLM2
from lethe.offline.evaluation.job import EvaluationSettings, evaluate
from lethe.offline.evaluation.results import Result, markdown_table
from lethe.offline.language_models.guarded import guard_with_bundle
from lethe.offline.language_models.interface import LanguageModel
from lethe.offline.language_models.opening import identified, open_local
from lethe.offline.progress import Progress

_ROOT = Path(__file__).resolve().parents[1]
_DATA = Path(__file__).parent / "exposure_data"
_PROBES = {
    "questions": _ROOT / "offline" / "recipes" / "harry_potter" / "questions.jsonl",
    "sentences with a blank": _DATA / "harry_potter_cloze.jsonl",
}
_NEAR = _DATA / "near_fantasy.jsonl"
_TITLE = "Measured: what can be got out of the shipped target"


def main() -> None:
    """Measure, and write the section."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bundle", type=Path, default=_ROOT / "targets" / "harry-potter")
    parser.add_argument(
        "--bits", type=int, action="append", default=[], help="weights rounded to; may be repeated"
    )
    parser.add_argument("--samples", type=int, default=4, help="answers drawn to a question")
    parser.add_argument("--sampled", type=int, default=15, help="questions that answers are drawn to")
    parser.add_argument(
        "--probes", choices=list(_PROBES), action="append", help="all by default; may be repeated"
    )
    arguments = parser.parse_args()
    cache, say = cache_folder(), timed_lines()
    models = _models(arguments.bundle, arguments.bits, cache)
    sections = []
    for name in arguments.probes or _PROBES:
        settings = EvaluationSettings(
            "exposure",
            limit=arguments.sampled,
            questions=_PROBES[name],
            near=_NEAR,
            samples=arguments.samples,
        )
        out = cache / "bench" / "exposure" / name.replace(" ", "-")
        results = evaluate(settings, models, out, progress=Progress(say))
        sections.append(_section(name, results, arguments.sampled, arguments.samples))
    body = "\n\n".join([machine("torch", "transformers"), _OPENING, *sections])
    write_section("benchmarks-leaks.md", _TITLE, "python -m bench.exposure", body)


_OPENING = (
    f"{SMOLLM2} in this process, in bfloat16, bare and behind the shipped target's guard as the proxy puts it there: its "
    "classifier decides about each prompt, its corruption falls on what is flagged. With weights rounded, all linear layers' "
    "are, in groups of 64; the guard is the same. Greedy answers of 64 tokens, with 95 % bootstrap intervals. Perplexity is "
    "under the bare model, which also says what was known of 15 questions about other books."
)


def _models(bundle: Path, bits: Sequence[int], cache: Path) -> list[LanguageModel]:
    bare = open_local(SMOLLM2, cache, name="bare")
    guard = guard_with_bundle(bare, bundle, identified(open_local(SMOLLM2, cache), cache))
    models: list[LanguageModel] = [bare, guard.over(bare)]
    for count in bits:
        rounded = open_local(SMOLLM2, cache, name=f"{count} bits", bits=count)
        models += [rounded, guard.over(rounded)]
    return models


def _section(name: str, results: Sequence[Result], sampled: int, samples: int) -> str:
    asked = len(results[0].outputs)
    drawn = min(sampled, asked)
    return (
        f"{asked} {name}; for leak@k, {samples} answers at temperature 1 to each of {drawn}.\n\n"
        f"{markdown_table(results)}"
    )


if __name__ == "__main__":
    main()
