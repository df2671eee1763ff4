import pytest

from lethe.offline.data.files import DataError
from lethe.offline.evaluation.multiple_choice import ChoiceQuestion, choice_task, load_mmlu, load_wmdp

QUESTION = ChoiceQuestion("biology", "Which?", ("cat", "dog"), 1)


def test_the_plain_format_is_mmlus():
    task = choice_task(QUESTION, "plain")
    assert task.prompt.text == (
        "The following are multiple choice questions (with answers) about biology.\n\nWhich?\nA. cat\nB. dog\nAnswer:"
    )
    assert task.options == (" A", " B")
    assert not task.prompt.chat


def test_the_chat_format_asks_for_the_letter():
    task = choice_task(QUESTION, "chat")
    assert task.prompt.chat
    assert task.options == ("A", "B")


def test_an_unknown_format_is_refused():
    with pytest.raises(DataError, match="plain, chat"):
        choice_task(QUESTION, "verse")


def test_files_are_read_in_their_own_form(data):
    assert load_mmlu(data) == [ChoiceQuestion("anatomy", "Which bone?", ("shin", "hip", "rib", "jaw"), 2)]
    assert [question.subject for question in load_wmdp(data)] == ["biology", "chemistry", "cybersecurity"]


def test_the_benchmarks_own_synthetic_questions_can_be_read(benchmark_data):
    questions = load_wmdp(benchmark_data)
    assert len(questions) == 300
    assert all(len(question.choices) == 4 for question in questions)
