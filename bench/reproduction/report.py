"""The page of a reproduction: what was trained, how, and what came of it."""

import shutil
from collections.abc import Container, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.reproduction.alter import AlterRecipe
from bench.reproduction.alter_tuning import (
    KEPT,
    compare_all,
    kept_choice,
    measured_candidates,
    measured_references,
    median_ratio,
)
from bench.reproduction.guard import has_corruption
from bench.reproduction.measured import machines as machines_of
from bench.reproduction.measured import read_measured
from bench.reproduction.tofu_models import PARTS, TofuRecipe
from lethe.bundle import read_manifest
from lethe.bundle.files import replace_file
from lethe.offline.evaluation.plots import plot_results
from lethe.offline.evaluation.results import markdown_table

if TYPE_CHECKING:
    from bench.reproduction.tofu import TofuReproduction


def write_page(page: Path, run: "TofuReproduction") -> None:
    """Write the page of what was measured so far, with a picture of each forget set beside it."""
    sections = []
    machines: dict[str, None] = {}
    models: set[str] = set()
    for forget in run.recipe.forget_sets:
        compared, tuned = read_measured(run.work / "results", forget, PARTS), _tuning(run, forget)
        if not compared and not tuned:
            continue
        machines |= dict.fromkeys(machines_of(run.work / "results", forget, PARTS))
        models |= {each.model for each in compared}
        section = f"## {forget}\n\n{described_corruption(run, forget)}\n"
        if compared:
            picture = f"figures/{page.stem.removeprefix('reproduction-')}-{forget}.png"
            plot_results(compared, page.parent / picture)
            section += f"\n{markdown_table(compared)}\n\n![{forget}]({picture})\n"
        sections.append(section + tuned)
    replace_file(page, "\n".join([_opening(run, list(machines), models), *sections]))


def described_corruption(run: "TofuReproduction", forget: str) -> str:
    """What was learned for a forget set, as a sentence."""
    if not has_corruption(run.bundle(forget)):
        return "The corruption is not learned yet."
    [made] = read_manifest(run.bundle(forget)).models
    figures = made.metrics["corruption"]
    return (
        f"Learned corruption: `{figures['function']}`, {figures['dims']} dims, strength {figures['strength']:.3g}, on "
        f"`{figures['positions']}`; D = {figures['distance']:.4f} over {', '.join(figures['surrogate'])}, the best of "
        f"{figures['candidates']} candidates."
    )


def _opening(run: "TofuReproduction", machines: Sequence[str], models: Container[str]) -> str:
    recipe, served, classified = run.recipe, "ECO, served" in models, "ECO" in models
    training = recipe.fine_tuning
    retained = "all of it" if recipe.retain_questions is None else f"{recipe.retain_questions} questions"
    utility = "all" if recipe.utility_questions is None else f"{recipe.utility_questions}"
    guarded = """`ECO, oracle labels` is guarded by the
benchmark's labels: it corrupts the question and leaves the answer that is scored alone."""
    if classified:
        guarded = """`ECO` is guarded by a
classifier of its own, `ECO, oracle labels` by the benchmark's labels; both corrupt the question and leave the answer that is
scored alone."""
    routed = """It answers what ECO's classifier flags, as the proxy serves it, and
`ALTER, on every question` everything"""
    through = """ `ECO, served` went through `lethe serve`, vLLM and the plugin: answers were generated through the proxy, and given
answers scored on its engine, where the same classifier flags the question; `original, served` is that engine without the proxy,
both in float32."""
    return f"""# TOFU on SmolLM2-135M-Instruct

Written by `make reproduce-tofu`; nothing on this page is typed by hand.

{chr(10).join(machines)}

Learned: {", ".join(recipe.forget_sets)} and of the retain part {retained}; {training.epochs} epochs, batches of
{training.batch_size}, learning rate {training.learning_rate:g}. `retain` was trained the same way without the forget set. {guarded}{through if served else ""} Of each utility set {utility} questions are asked. In brackets stand 95 % bootstrap intervals over the questions.
Baselines start from `original` and see the forget set alone: {_baselines(recipe)}. `ALTER` is an
adapter over `original`, trained on the forget set, the retain part and {recipe.ordinary_questions} ordinary questions with
`original`'s own answers: {_adapters(run)}. {routed if classified else "It answers every question here, though the proxy asks it what is flagged alone"}
([adapters.md](adapters.md)).
"""


def _adapters(run: "TofuReproduction") -> str:
    return "; ".join(
        f"on {forget} {described_adapter(*run.alter(forget))}" for forget in run.recipe.forget_sets
    )


def described_adapter(alter: AlterRecipe, scale: float) -> str:
    """How an adapter was trained, as a part of a sentence."""
    settings = alter.settings
    by = {
        "npo": f"NPO with beta {settings.npo_beta:g}",
        "self_distillation": f"self-distillation with a margin of {settings.logit_margin:g}",
        "corruption": "by the corruption",
        "earlier_model": "by the model as it was before it learned TOFU",
    }[settings.forgetting]
    worded = f", with {alter.wordings} of its own wordings to a question" if alter.wordings else ""
    drawn = "" if settings.shared_epochs else ", over an A as it was drawn"
    scaled = f", scaled by {scale:g}" if scale != 1.0 else ""
    return f"rank {settings.rank}, {by}, {settings.epochs} epochs at {settings.learning_rate:g}{worded}{drawn}{scaled}"


def _tuning(run: "TofuReproduction", forget: str) -> str:
    """The table of what was compared to choose the adapter; nothing where it was not tuned."""
    choice = kept_choice(run.work, forget)
    if choice is None:
        return ""
    references = retain, original = measured_references(run.work, forget, choice.dtype)
    compared = compare_all(references, measured_candidates(run.work, forget, choice.dtype))
    rows = "\n".join(
        f"| {each.name} | {each.scale:g} | {each.tuning:.3g} | {each.held_out:.3g} | {each.whole:.3g} | {each.kept:.2f} | {each.ratio:.3g} |"
        for each in compared
    )
    return f"""
### How the adapter of {forget} was chosen

By p on every other forget question, among those that keep {KEPT:g} of the utility on a part of its questions; chosen is
`{choice.name}` at {choice.scale:g}. The held-out questions had no part in it. The retain model's median truth ratio is
{median_ratio(retain):.3g}, the original's {median_ratio(original):.3g}.

| candidate | scale | p, chosen by | p, held out | p, all | utility kept | median truth ratio |
|---|---:|---:|---:|---:|---:|---:|
{rows}
"""


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
