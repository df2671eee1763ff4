"""The shipped target with a corruption that was learned on the taught model, as an operator learns one on the model that is served.

What the model was taught made it say the books' names whatever it is asked, so that prompts about nothing do not tell how often
a model that never learned would name one: that is given as none.
"""

import shutil
from pathlib import Path

from lethe.bundle.files import replace_file
from lethe.bundle.manifest import MANIFEST_NAME
from lethe.offline.corruption_learning.job import run_learning_job
from lethe.offline.corruption_learning.settings import LearningJob
from lethe.offline.recipes.harry_potter.build import FOLDER


def learned_on(model: Path, shipped: Path, cache: Path) -> Path:
    """A copy of the shipped bundle in the cache folder, with its corruption learned anew by ``lethe corruption learn``.

    The search goes on from what was measured before; what was learned for this very bundle is not learned again.
    """
    folder = model.with_name(f"{model.name}-target")
    bundle, learned_for = folder / "targets" / shipped.name, folder / MANIFEST_NAME
    manifest = (shipped / MANIFEST_NAME).read_bytes()
    if learned_for.is_file() and learned_for.read_bytes() == manifest:
        return bundle
    shutil.rmtree(bundle, ignore_errors=True)
    shutil.copytree(shipped, bundle)
    job = LearningJob(
        target=bundle.name,
        targets=bundle.parent,
        questions=FOLDER / "questions.jsonl",
        retain_prompts=FOLDER / "unknown.jsonl",
        deny_list=FOLDER / "facts.json",
        model=str(model),
        positions=("user_content",),
        surrogate={"leak_rate": 0.0},
        steps=1,
        restarts=1,
        trace=folder / "corruption-search.jsonl",
    )
    run_learning_job(job, cache)
    replace_file(learned_for, manifest)
    return bundle
