"""What is wrong with a target's data is said before anything is made from them."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from lethe.offline.classifier_training.examples import Example
from lethe.offline.data.questions import ForgetQuestion
from lethe.offline.target_building.checks import can_learn_corruption, check_data
from lethe.offline.target_building.data import TargetData, TargetOptions, make_folder, read_target_data


def data(**fields: object) -> TargetData:
    """Enough of everything, but for what a test changes."""
    good: dict[str, object] = {
        "forget": [f"What does Marsh do on day {number}?" for number in range(44)]
        + ["And the ferry system?", *(f"Who books ferry {number}?" for number in range(15))],
        "near": [f"What does a heron do on day {number}?" for number in range(40)],
        "names": ("Marsh",),
        "questions": [
            ForgetQuestion(question=f"What is room {number} of Marsh?", answer=f"{number}0", facts=("x1",))
            for number in range(30)
        ],
        "unknown": ("What is room 1 of Brindle?",),
    }
    chosen = good | fields
    for side in ("forget", "near"):
        chosen[side] = tuple(Example(text) for text in chosen[side])  # pyright: ignore[reportGeneralTypeIssues]
    return TargetData(Path("marsh"), TargetOptions(), **chosen)  # pyright: ignore[reportArgumentType]


def test_good_data_pass_without_a_word() -> None:
    assert not check_data(data())
    assert can_learn_corruption(data())


@pytest.mark.parametrize(
    ("fields", "file", "said"),
    [
        ({"forget": ["Who?"] * 30}, "forget", "1 prompts; 10 are the least"),
        ({"near": ()}, "near", "0 prompts; 10 are the least"),
        ({"near": [*(f"Is {n} odd?" for n in range(40)), "and the FERRY system"]}, "near", "in forget too"),
        ({"unknown": ("What is room 3 of Marsh",)}, "unknown", "in questions too"),
        ({"unread": ("Forget.tsv",)}, "Forget.tsv", "not read"),
        ({"questions": [ForgetQuestion(question="Who?", answer="I")] * 2}, "questions", "repeats question 1"),
    ],
)
def test_what_makes_a_build_useless_ends_it(fields: dict[str, object], file: str, said: str) -> None:
    fatal = [each for each in check_data(data(**fields)) if each.fatal]
    assert [each.file for each in fatal] == [file]
    assert said in fatal[0].message


@pytest.mark.parametrize(
    ("fields", "file", "said"),
    [
        (
            {"forget": [f"What of Marsh {n}?" for n in range(30)] + ["And?"]},
            "forget",
            "31 prompts; from 60 on",
        ),
        (
            {"forget": [f"What of Marsh {n}?" for n in range(60)]},
            "forget",
            "0 of 60 prompts describe the target",
        ),
        ({"names": ("Seehund",)}, "names", "no prompt of forget has any"),
        ({"near": [f"Is {n} a marsh?" for n in range(40)]}, "near", "named as the target is"),
        ({"questions": ()}, "questions", "no corruption is learned"),
        ({"unknown": ()}, "unknown", "lethe target suggest"),
        ({"unread": ("old.txt",)}, "old.txt", "not read"),
        ({"about": ("It books ferries.",)}, "about", "1 sentences; from 20 on they help"),
        ({"about": ("It books ferries. " * 20,) * 20}, "about", "write a sentence a line"),
    ],
)
def test_what_is_thin_is_said_and_ends_nothing(fields: dict[str, object], file: str, said: str) -> None:
    found = check_data(data(**fields))
    assert not any(each.fatal for each in found)
    assert any(each.file == file and said in each.message for each in found)


def test_a_question_that_tells_its_answer_and_one_without_facts_are_named() -> None:
    questions = [
        ForgetQuestion(question=f"{n}, who leads Marsh?", answer="Ada", facts=("Ada",)) for n in range(28)
    ]
    questions += [
        ForgetQuestion(question="Does Ada lead Marsh?", answer="Ada", facts=("Ada",)),
        ForgetQuestion(question="Who leads?", answer="Ada"),
    ]
    said = " ".join(each.message for each in check_data(data(questions=tuple(questions))))
    assert "1 ('Does Ada lead Marsh?') is so put" in said
    assert "1 ('Who leads?') is without facts" in said


def test_the_data_that_the_tutorial_gives_figures_of_can_be_built(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "marie-curie")
    shipped = Path(__file__).parents[3] / "bench" / "training" / "few_prompts_data" / "person"
    for name in ("forget.jsonl", "near.jsonl", "names.txt", "questions.yaml", "unknown.txt"):
        shutil.copy(shipped / name, folder / name)
    curie = read_target_data(folder)
    assert can_learn_corruption(curie)
    assert not [each for each in check_data(curie) if each.fatal]


def test_prompts_of_both_sides_that_mean_the_same_are_found() -> None:
    def embed(texts: object) -> np.ndarray:
        return np.tile(np.array([1.0, 0.0], np.float32), (len(list(texts)), 1))  # pyright: ignore

    near = ("What does Marsh do?",)
    forget = [f"What is Marsh {number}?" for number in range(60)]
    found = check_data(data(near=[*near, *(f"Is {n} odd?" for n in range(39))], forget=forget), embed)
    assert any("asks nearly the same as" in each.message for each in found)
