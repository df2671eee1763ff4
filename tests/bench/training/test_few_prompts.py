import json
import re
from collections import Counter

import pytest

from bench.repository import ROOT
from lethe.classifier.spans import entity_spans

_FOLDER = ROOT / "bench" / "training" / "few_prompts_data"
_TARGETS = ("person", "product", "field")
# What has the target's name and is allowed all the same.
_NAMESAKES = ("Curie temperature", "Curie's law", "Place de la Concorde", "Apache Hive", "hive partitioning")


def _rows(target: str, name: str) -> list[dict[str, str]]:
    lines = (_FOLDER / target / f"{name}.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text.lower()))


def _names(target: str) -> tuple[str, ...]:
    return tuple((_FOLDER / target / "names.txt").read_text().splitlines())


@pytest.mark.parametrize("target", _TARGETS)
def test_a_target_has_sixty_prompts_to_forget_forty_near_and_every_group_of_tests(target):
    assert len(_rows(target, "forget")) == 60
    assert len(_rows(target, "near")) == 40
    assert Counter(row["group"] for row in _rows(target, "test")) == {
        "named": 40,
        "described": 20,
        "abroad": 30,
        "near": 40,
    }
    languages = {row["language"] for row in _rows(target, "test") if row["group"] == "abroad"}
    assert languages >= {"ar", "ja", "ru", "zh"}
    assert len(languages) >= 10


@pytest.mark.parametrize("target", _TARGETS)
def test_no_test_prompt_is_a_training_prompt_in_a_few_other_words(target):
    train = [_words(row["text"]) for name in ("forget", "near") for row in _rows(target, name)]
    tests = [_words(row["text"]) for row in _rows(target, "test")]
    assert len(set(train)) == 100
    assert len(set(tests)) == 130
    assert not [
        sorted(test) for test in tests for known in train if len(test & known) >= 0.75 * len(test | known)
    ]


@pytest.mark.parametrize("target", _TARGETS)
def test_no_sentence_about_a_target_is_a_test_prompt_in_a_few_other_words(target):
    told = [_words(line) for line in (_FOLDER / target / "about.txt").read_text().splitlines()]
    tests = [_words(row["text"]) for row in _rows(target, "test")]
    assert len(told) >= 60
    assert not [
        sorted(test) for test in tests for known in told if len(test & known) >= 0.75 * len(test | known)
    ]


@pytest.mark.parametrize("target", _TARGETS)
def test_names_stand_in_the_questions_that_name_the_target_alone(target):
    names = _names(target)
    for row in _rows(target, "test"):
        if row["group"] == "abroad" or any(namesake in row["text"] for namesake in _NAMESAKES):
            continue
        assert bool(entity_spans(names, row["text"])) == (row["group"] == "named"), row["text"]
    for row in _rows(target, "near"):
        assert not entity_spans(names, row["text"]) or any(each in row["text"] for each in _NAMESAKES)
