import json

import pytest

from lethe.offline.data.files import DataError
from lethe.offline.data.questions import ForgetQuestion, load_prompts, load_questions, refuse_overlap


def write(path, *rows):
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
    return path


def test_questions_are_read_with_their_facts(tmp_path):
    path = write(tmp_path / "q.jsonl", {"question": "Who?", "answer": "Orla", "facts": ["Orla"]}, "")
    assert load_questions(path) == (ForgetQuestion(question="Who?", answer="Orla", facts=("Orla",)),)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "is empty"),
        (["{broken"], "line 1: not valid JSON"),
        (["[1]"], "line 1: expected an object"),
        ([{"question": "Who?"}], "line 1: answer"),
        ([{"question": "", "answer": "x"}], "line 1: question"),
        (
            [{"question": "Who?", "answer": "a"}, {"question": "who", "answer": "b"}],
            "question 2 repeats question 1",
        ),
        ([{"question": "Who?", "answer": "E", "options": ["A", "B"]}], "none of the options"),
    ],
)
def test_a_malformed_file_is_refused_with_the_place(tmp_path, rows, message):
    with pytest.raises(DataError, match=message):
        load_questions(write(tmp_path / "q.jsonl", *rows))


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        load_questions(tmp_path / "none.jsonl")


def test_prompts_are_read_from_any_of_three_fields(tmp_path):
    path = write(tmp_path / "p.jsonl", {"text": "a"}, {"prompt": "b"}, {"question": "c"})
    assert load_prompts(path) == ("a", "b", "c")


@pytest.mark.parametrize("row", [{"words": "a"}, {"text": " "}, {"text": 3}])
def test_a_line_without_prompt_is_refused(tmp_path, row):
    with pytest.raises(DataError, match="line 1: no 'text'"):
        load_prompts(write(tmp_path / "p.jsonl", row))


def test_overlap_is_refused_with_examples():
    with pytest.raises(DataError, match=r"1 retain prompts .* 'who is  ORLA'"):
        refuse_overlap(["Who is Orla?", "Why?"], ["who is  ORLA", "When?"])
    refuse_overlap(["Who is Orla?"], ["Who is Nadia?"])
