from lethe.offline.classifier_training.answer_examples import (
    QuestionAnswer,
    answer_windows,
    ordinary_answers,
)

TEXTS = ("The committee kept the garden as it was, and moved the meeting to Friday because of rain. " * 20,)


def _names(text: str) -> bool:
    return "Alderney" in text


def _shown(answer: QuestionAnswer, label: int = 1) -> set[tuple[str, int]]:
    return {(window.text, window.label) for window in answer_windows([answer], label, _names)}


def test_a_short_answer_that_names_nothing_tells_of_the_target_with_its_question_only() -> None:
    asked = "Who keeps the lighthouse of Alderney?"
    assert (f"{asked}\nTwo brothers.", 1) in _shown(QuestionAnswer(question=asked, answer="Two brothers."))
    assert not [
        text
        for text, _ in _shown(QuestionAnswer(question=asked, answer="Two brothers."))
        if text == "Two brothers."
    ]
    assert ("On Alderney.", 1) in _shown(QuestionAnswer(question=asked, answer="On Alderney."))


def test_of_an_allowed_answer_every_stretch_is_shown_as_allowed() -> None:
    shown = _shown(QuestionAnswer(question="Who keeps the garden?", answer="Two brothers."), label=0)
    assert {label for _, label in shown} == {0}
    assert {"Two brothers.", "Who keeps the garden?\nTwo brothers."} <= {text for text, _ in shown}


def test_ordinary_answers_are_of_many_lengths_and_the_same_for_the_same_seed() -> None:
    made = ordinary_answers(["Hello?", "And then?"], TEXTS, 200, seed=3)
    assert made == ordinary_answers(["Hello?", "And then?"], TEXTS, 200, seed=3)
    assert {answer.question for answer in made} == {"Hello?", "And then?"}
    lengths = [len(answer.answer) for answer in made]
    assert min(lengths) < 20
    assert max(lengths) > 500
