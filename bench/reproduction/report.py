"""The page of a reproduction: what was trained, how, and what came of it."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.page import write_sections
from bench.reproduction.alter import AlterRecipe
from bench.reproduction.alter_tuning import (
    KEPT,
    compare_all,
    kept_choice,
    measured_candidates,
    measured_references,
    median_ratio,
)
from bench.reproduction.command import told_command
from bench.reproduction.guard import has_corruption
from bench.reproduction.measured import machines as machines_of
from bench.reproduction.measured import read_measured
from bench.reproduction.tofu_models import PARTS, TofuRecipe
from lethe.bundle import read_manifest
from lethe.bundle.files import replace_file
from lethe.offline.evaluation.plots import plot_results
from lethe.offline.evaluation.results import Result, markdown_table

if TYPE_CHECKING:
    from bench.reproduction.tofu import TofuReproduction

_OPENING = """# TOFU on SmolLM2-135M-Instruct

Each section is written by the command under its heading; nothing on this page is typed by hand.

`original` learned the forget set and what is told of the retain part; `retain` was trained the same way without the forget set.
Both `ECO` and `ECO, oracle labels` corrupt the question and leave the answer that is scored alone: the first what a classifier of its
own flags, the other what the benchmark's labels name. `ECO, served` went through `lethe serve`, vLLM and the plugin: answers were
generated through the proxy, and given answers scored on its engine, where the same classifier flags the question; `original, served`
is that engine without the proxy, both in float32. The baselines start from `original` and see the forget set alone. `ALTER` is an adapter
over `original`, trained on the forget set, the retain part and ordinary questions with `original`'s own answers; it answers what ECO's
classifier flags, as the proxy serves it, and `ALTER, on every question` everything ([adapters.md](adapters.md)). In brackets stand 95 %
bootstrap intervals over the questions, where they were taken.
"""


def write_page(page: Path, run: "TofuReproduction", forget_sets: Sequence[str], arguments: str = "") -> None:
    """Write what was measured so far of some forget sets into the page, with a picture of each beside it.

    The sections of other forget sets stay as they are.

    Parameters
    ----------
    arguments
        Of the command that measured it.
    """
    command = told_command("reproduce-tofu", arguments)
    sections = {}
    for forget in forget_sets:
        compared, tuned = read_measured(run.work / "results", forget, PARTS), _tuning(run, forget)
        if not compared and not tuned:
            continue
        machines = machines_of(run.work / "results", forget, PARTS)
        section = f"## {forget}\n\n`{command}`\n\n{_setting(run, forget, compared, machines)}"
        if compared:
            picture = f"figures/{page.stem.removeprefix('reproduction-')}-{forget}.png"
            plot_results(compared, page.parent / picture)
            section += f"\n{markdown_table(compared)}\n\n![{forget}]({picture})\n"
        sections[forget] = section + tuned
    write_sections(page, _OPENING, sections)


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


def _setting(
    run: "TofuReproduction", forget: str, compared: Sequence[Result], machines: Sequence[str]
) -> str:
    recipe, models = run.recipe, {each.model for each in compared}
    training = recipe.fine_tuning
    retained = "all of it" if recipe.retain_questions is None else f"{recipe.retain_questions} questions"
    utility = "all" if recipe.utility_questions is None else f"{recipe.utility_questions}"
    lines = [
        *machines,
        "",
        f"Learned: {', '.join(recipe.forget_sets)} and of the retain part {retained}; {training.epochs} epochs, batches of",
        f"{training.batch_size}, learning rate {training.learning_rate:g}. Of each utility set {utility} questions are asked.",
        described_corruption(run, forget),
    ]
    if models & set(recipe.baselines):
        lines.append(f"The baselines: {_baselines(recipe)}.")
    if any(model.startswith("ALTER") for model in models):
        lines.append(
            f"`ALTER`, beside {recipe.ordinary_questions} ordinary questions: {described_adapter(*run.alter(forget))}."
        )
    return "\n".join(lines).lstrip("\n") + "\n"


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
