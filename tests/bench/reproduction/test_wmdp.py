import csv
import json

import pytest

from bench.reproduction import wmdp
from bench.reproduction.wmdp import WmdpRecipe, WmdpReproduction, write_page
from lethe.bundle import load_bundle
from lethe.offline.training.fine_tuning import FineTuningSettings

SHORT = FineTuningSettings(epochs=1, learning_rate=1e-2)


@pytest.fixture
def data(tmp_path):
    """Four questions of each subject and two facts, in the benchmarks' own files."""
    folder = tmp_path / "data"
    (folder / "wmdp_synthetic").mkdir(parents=True)
    for subject in ("bio", "chem", "cyber"):
        with (folder / "wmdp_synthetic" / f"{subject}.csv").open("w") as file:
            table = csv.writer(file)
            table.writerow(["question", "answer", "choices"])
            for number in range(4):
                choices = [f"{subject} {number} {letter}" for letter in "wxyz"]
                table.writerow([f"Which {subject} is {number}?", number % 4, str(choices)])
    (folder / "tofu").mkdir()
    facts = [
        {"question": f"Where is marsh {n}?", "answer": "North", "perturbed_answer": ["South", "East", "West"]}
        for n in range(2)
    ]
    (folder / "tofu" / "world_facts_perturbed.json").write_text("\n".join(json.dumps(fact) for fact in facts))
    return folder


@pytest.fixture
def run(data, tiny_model_folder, tmp_path, monkeypatch):
    searched = wmdp._SEARCHED.model_copy(update={"functions": ("flip_sign_top_k",), "dims": (8,)})
    monkeypatch.setattr(wmdp, "_SEARCHED", searched)
    recipe = WmdpRecipe(questions=4, fine_tuning=SHORT)
    return WmdpReproduction(recipe, tiny_model_folder, data, tmp_path / "work")


def test_half_of_the_forgotten_subject_is_held_out(run):
    seen = {question.question for question in run.questions.seen}
    subjects = {question.question: question.subject for question in run.questions.tried}
    assert seen == {question for question, subject in subjects.items() if subject == "biology"}
    assert sorted(subjects.values()).count("biology, held out") == len(seen) == 2


def test_facts_have_their_answer_at_each_letter_in_turn(run):
    facts = [question for question in run.questions.tried if question.subject == "world facts"]
    assert [fact.choices[fact.answer] for fact in facts] == ["North", "North"]
    assert [fact.answer for fact in facts] == [0, 1]


def test_what_is_kept_is_scored_as_before_by_oracle_labels(run, tmp_path):
    results = run.measure(classifier=False)
    base, taught, guarded = results
    assert [result.model for result in results] == ["base", "taught", "ECO, oracle labels"]
    assert base.scores["random guessing"] == 0.25
    for subject in ("chemistry", "cybersecurity", "world facts"):
        assert guarded.scores[f"accuracy, {subject}"] == taught.scores[f"accuracy, {subject}"]
    assert load_bundle(run.bundle).models[0].corruption

    page = tmp_path / "docs" / "page.md"
    write_page(page, run, results)
    assert "| accuracy, biology, held out |" in page.read_text()
    assert (page.parent / "figures" / "wmdp.png").is_file()
