"""The page of a reproduction: what was trained, how, and what came of it."""

import os
import platform
import shutil
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from bench.reproduction.tofu_models import TofuRecipe
from lethe.bundle import read_manifest
from lethe.bundle.files import replace_file
from lethe.offline.evaluation.results import Result, markdown_table


def write_page(
    page: Path, recipe: TofuRecipe, bundles: Mapping[str, Path], results: Mapping[str, Sequence[Result]]
) -> None:
    """Write the page, with a picture of each forget set beside it."""
    sections = [_opening(recipe)]
    for forget, compared in results.items():
        source = bundles[forget].parent.parent / "results" / forget / "results.png"
        picture = copy_picture(source, page, f"tofu-{forget}")
        [made] = read_manifest(bundles[forget]).models
        figures = made.metrics["corruption"]
        sections.append(
            f"## {forget}\n\n"
            f"Learned corruption: `{figures['function']}`, {figures['dims']} dims, strength {figures['strength']:.3g}, on "
            f"`{figures['positions']}`; D = {figures['distance']:.4f} over {', '.join(figures['surrogate'])}, the best of "
            f"{figures['candidates']} candidates.\n\n"
            f"{markdown_table(compared)}\n\n![{forget}]({picture})\n"
        )
    replace_file(page, "\n".join(sections))


def _opening(recipe: TofuRecipe) -> str:
    training, alter = recipe.fine_tuning, recipe.alter[recipe.forget_sets[0]]
    retained = "all of it" if recipe.retain_questions is None else f"{recipe.retain_questions} questions"
    utility = "all" if recipe.utility_questions is None else f"{recipe.utility_questions}"
    return f"""# TOFU on SmolLM2-135M-Instruct

Written by `make reproduce-tofu`; nothing on this page is typed by hand.

{describe_machine()}

Learned: {", ".join(recipe.forget_sets)} and of the retain part {retained}; {training.epochs} epochs, batches of
{training.batch_size}, learning rate {training.learning_rate:g}. `retain` was trained the same way without the forget set. `ECO` is guarded by a
classifier of its own, `ECO, oracle labels` by the benchmark's labels; both corrupt the question and leave the answer that is
scored alone. `ECO, served` went through `lethe serve`, vLLM and the plugin: answers were generated through the proxy, and given
answers scored on its engine, where the same classifier flags the question; `original, served` is that engine without the proxy,
both in float32. The utility sets hold {utility} questions each.
Baselines start from `original` and see the forget set alone: {_baselines(recipe)}. `ALTER` is an
adapter of rank {alter.rank} over `original`, trained on the forget set, the retain part and {recipe.ordinary_questions} ordinary questions with
`original`'s own answers for {_epochs(recipe)} (NPO with beta {alter.npo_beta:g}); it answers what ECO's classifier flags, as the proxy serves it, and
`ALTER, on every question` everything ([adapters.md](adapters.md)).
"""


def _epochs(recipe: TofuRecipe) -> str:
    return ", ".join(
        f"{recipe.alter[forget].epochs} epochs at {recipe.alter[forget].learning_rate:g} on {forget}"
        for forget in recipe.forget_sets
    )


def _baselines(recipe: TofuRecipe) -> str:
    return ", ".join(
        f"`{name}` {settings.epochs} epochs at {settings.learning_rate:g}"
        + (f" of a merged adapter of rank {settings.adapter_rank}" if settings.adapter_rank else "")
        for name, settings in recipe.baselines.items()
    )


def copy_picture(source: Path, page: Path, name: str) -> str:
    """Put a picture into the page's folder of figures, and give its address there."""
    address = f"figures/{name}.png"
    replace_file(page.parent / address, lambda path: shutil.copyfile(source, path))
    return address


def describe_machine() -> str:
    """The machine and the versions that figures were measured with."""
    return (
        f"Machine: {platform.machine()}, {os.cpu_count()} cores, {_memory_gib():.0f} GiB, {platform.system()}; Python "
        f"{platform.python_version()}, torch {version('torch')}, transformers {version('transformers')}."
    )


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
