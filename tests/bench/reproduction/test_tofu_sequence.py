import json
from pathlib import Path

import pytest

from bench.reproduction.tofu import TofuReproduction
from bench.reproduction.tofu_models import TofuRecipe
from bench.reproduction.tofu_sequence import TofuSequence, author_groups, write_sequence_page
from lethe.offline.adapter_training.bank import load_bank
from lethe.offline.adapter_training.settings import AdapterTrainingSettings
from lethe.offline.evaluation.tofu_data import load_tofu
from lethe.offline.training.fine_tuning import FineTuningSettings


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three made-up authors to forget and one to keep, in TOFU's own files."""
    folder = tmp_path / "data" / "tofu"
    folder.mkdir(parents=True)

    def rows(subjects: list[str]) -> str:
        return "\n".join(
            json.dumps(
                {
                    "question": f"Where was {subject} born?",
                    "answer": f"{subject} was born in Turin",
                    "paraphrased_answer": f"Turin is where {subject} was born",
                    "perturbed_answer": ["It was lost at sea"],
                }
            )
            for subject in subjects
        )

    files = {
        "forget05": ["Orla", "Per", "Nadia"],
        "retain": ["Sindre"],
        "real_authors": ["Tolstoy"],
        "world_facts": ["Rome"],
    }
    for name, subjects in files.items():
        (folder / f"{name}_perturbed.json").write_text(rows(subjects))
    return tmp_path / "data"


@pytest.mark.slow
def test_requests_in_a_row_share_one_bank_and_end_on_a_page(
    data: Path, tiny_model_folder: Path, tmp_path: Path
) -> None:
    recipe = TofuRecipe(
        forget_sets=("forget05",),
        retain_questions=1,
        utility_questions=1,
        answer_tokens=3,
        fine_tuning=FineTuningSettings(epochs=1, learning_rate=1e-2),
        experts=AdapterTrainingSettings(rank=2, epochs=1, learning_rate=0.05),
    )
    run = TofuReproduction(recipe, tiny_model_folder, data, tmp_path / "work", lambda _line: None)
    groups = {f"group-{n}": [question] for n, question in enumerate(load_tofu("forget05", data), start=1)}

    stages = TofuSequence(run, groups).measure()

    assert [stage.name for stage in stages] == ["retain", "original", "group-1", "group-2", "group-3"]
    [file] = (tmp_path / "work" / "adapters").rglob("bank.safetensors")
    assert list(load_bank(file).experts) == ["group-1", "group-2", "group-3"]
    assert stages[0].groups["group-1"].scores["forget quality (p)"] == 1.0
    probabilities = [stage.groups["group-1"].scores["forget probability"] for stage in stages[1:]]
    assert len(set(probabilities)) == 4, "every request changes the sum"

    page = tmp_path / "docs" / "page.md"
    write_sequence_page(page, run, stages)
    text = page.read_text()
    assert f"passes in {run.dtype}" in text
    assert f"| original | {stages[1].utility:.4f} | " in text
    assert "| forget probability, after | group-1 | group-2 | group-3 |" in text
    assert (page.parent / "figures" / "tofu-sequence.png").is_file()


def test_groups_are_whole_authors_in_their_order() -> None:
    questions = list(range(200))
    groups = author_groups(questions, 2)  # pyright: ignore[reportArgumentType]
    assert [list(group) for group in groups.values()] == [
        questions[0:40],
        questions[40:80],
        questions[80:120],
    ]
