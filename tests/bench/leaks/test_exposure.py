"""The probes of the shipped target."""

import pytest

from bench.leaks.exposure import _ASKED, _BLANKS, _NEAR
from bench.reproduction.actions import _TRANSLATIONS, TranslatedQuestion
from lethe.offline.data.files import read_objects
from lethe.offline.data.questions import load_questions
from lethe.offline.metrics.leakage import leaked_facts


@pytest.mark.parametrize("path", [_ASKED, _BLANKS, _NEAR], ids=lambda path: path.stem)
def test_every_probe_has_facts_that_its_answer_names_and_its_question_does_not(path):
    for probe in load_questions(path):
        assert probe.facts
        assert leaked_facts(probe.answer, probe.facts, probe.question) or path.stem == "questions", probe


def test_neighbours_say_nothing_of_the_target():
    for probe in load_questions(_NEAR):
        assert "potter" not in f"{probe.question} {probe.answer}".lower()


def test_every_translated_question_is_in_five_languages():
    rows = read_objects(_TRANSLATIONS, TranslatedQuestion)
    assert len(rows) == 40
    assert all(set(row.translations) == {"de", "fr", "es", "ru", "zh"} for row in rows)
