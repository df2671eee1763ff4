from pathlib import Path

import pytest

from bench.engine.random_adapters import write_random_adapter
from lethe.bundle import Action, Made, read_base_model, update_bundle
from lethe.offline.evaluation.bundle_guards import BundleGuards, opens_adapted
from lethe.offline.language_models import Generation, LanguageModelError, Prompt, Scoring
from lethe.offline.language_models.local import LocalModel

SHIPPED = Path(__file__).resolve().parents[3] / "targets" / "harry-potter"
FLAGGED, CLEAN = Prompt("Who are Harry Potter's two best friends?"), Prompt("How do I boil an egg?")


@pytest.fixture(scope="module")
def bundle(tiny_model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped head, with an adapter of random weights for the tiny model."""
    folder = tmp_path_factory.mktemp("bundles") / "harry-potter"
    adapter = write_random_adapter(tiny_model_folder, folder.with_name("weights"), scale=1.0)
    head = {f"classifier/{file.name}": file for file in (SHIPPED / "classifier").iterdir()}
    weights = {f"adapter/{file.name}": file for file in adapter.iterdir()}
    update_bundle(folder, head, Made(read_base_model(tiny_model_folder, "tiny"), weights))
    return folder


def guards(bundle: Path, tiny_model_folder: Path, *actions: Action) -> BundleGuards:
    base = read_base_model(tiny_model_folder, "tiny")
    return BundleGuards(bundle, base, actions, opens_adapted(str(tiny_model_folder), Path("cache")))


def test_flagged_prompts_alone_are_answered_with_the_adapter(bundle: Path, tiny_model_folder: Path) -> None:
    bare = LocalModel.from_pretrained(str(tiny_model_folder))
    [guarded] = guards(bundle, tiny_model_folder, Action.ADAPTER).before(bare)
    # One at a time: what stands beside a prompt in a batch changes the last digits of its scores.
    for prompt, adapted in ((FLAGGED, True), (CLEAN, False)):
        asked, scored = [Generation(prompt, 8)], [Scoring(prompt, "A wizard")]
        assert (bare.generate(asked) != guarded.generate(asked)) == adapted
        assert (bare.score(scored)[0] != guarded.score(scored)[0]).any() == adapted


@pytest.mark.parametrize(
    ("action", "said"),
    [
        (Action.ADAPTER_AND_CORRUPT, "no classifier or no corruption"),
        (Action.CORRUPT, "no classifier or no corruption"),
        (Action.REFUSE, "nothing is to be measured behind refuse"),
    ],
)
def test_an_action_that_the_bundle_cannot_do_is_refused(
    bundle: Path, tiny_model_folder: Path, action: Action, said: str
) -> None:
    bare = LocalModel.from_pretrained(str(tiny_model_folder))
    with pytest.raises(LanguageModelError, match=said):
        guards(bundle, tiny_model_folder, action).before(bare)


def test_a_bundle_without_an_adapter_for_the_model_is_refused(tiny_model_folder: Path) -> None:
    bare = LocalModel.from_pretrained(str(tiny_model_folder))
    with pytest.raises(LanguageModelError, match="no adapter for tiny"):
        guards(SHIPPED, tiny_model_folder, Action.ADAPTER).before(bare)


def test_an_adapter_needs_a_model_in_this_process(bundle: Path, tiny_model_folder: Path) -> None:
    bare = LocalModel.from_pretrained(str(tiny_model_folder))
    with pytest.raises(LanguageModelError, match="needs a --model"):
        BundleGuards(bundle, None, (Action.ADAPTER,)).before(bare)
