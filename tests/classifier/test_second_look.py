"""A second look at questions that words were put into."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lethe.classifier.encoders.encoder import Encoder
from lethe.classifier.gate import Gate
from lethe.classifier.head import Head, HeadBank, SecondLookLimits, head_files, load_head
from lethe.classifier.scoring import Scorer
from lethe.classifier.second_look import Remainder, SecondLook
from lethe.classifier.settings import ClassifierSettings
from tests.classifier.conftest import MakeHead

ASKED = "Who keeps the lighthouse of Alderney?"
DILUTED = "Who keeps the lasagne lighthouse in Excel of regex Alderney unlike mortgage volcano?"
OTHER = "Which recipe for lasagne needs no oven and takes an hour?"


@pytest.fixture
def head(make_head: MakeHead) -> Head:
    head = make_head(texts=(ASKED,), bias=-9.0)
    threshold = head.calibration.score(head.threshold)
    return replace(head, second_look=SecondLookLimits(threshold + 1, -5.0, 1.0))


def scorer_of(encoder: Encoder, head: Head, *, spans: bool = False) -> Scorer:
    return Scorer(encoder, HeadBank([head], encoder), ClassifierSettings(spans=spans))


def margin(encoder: Encoder, head: Head, text: str) -> float:
    scorer = scorer_of(encoder, head)
    return float(scorer.score_text(text).scores[0] - scorer.bank.thresholds[0])


def test_words_put_into_a_question_do_not_keep_it_from_being_flagged(encoder: Encoder, head: Head) -> None:
    once = replace(head, second_look=None)
    assert margin(encoder, once, ASKED) >= 0
    assert margin(encoder, once, DILUTED) < 0
    assert margin(encoder, head, DILUTED) >= 0


def test_what_is_flagged_by_a_second_look_has_spans(encoder: Encoder, head: Head) -> None:
    [span, *_] = scorer_of(encoder, head, spans=True).score_text(DILUTED).spans[0]
    assert DILUTED[span.start : span.end]


def test_a_second_look_lowers_no_score_and_leaves_other_questions_alone(encoder: Encoder, head: Head) -> None:
    once = replace(head, second_look=None)
    assert margin(encoder, head, ASKED) == margin(encoder, once, ASKED)
    for text in (OTHER, "Which lighthouse is the tallest of all?"):
        assert margin(encoder, once, text) <= margin(encoder, head, text) < 0


def test_what_is_left_must_score_as_the_head_asks(encoder: Encoder, head: Head) -> None:
    assert head.second_look
    strict = replace(head, second_look=replace(head.second_look, score=head.second_look.score + 30))
    assert margin(encoder, strict, DILUTED) == pytest.approx(
        margin(encoder, replace(head, second_look=None), DILUTED)
    )


def test_what_is_left_is_judged_by_a_direction_of_its_own(encoder: Encoder, head: Head) -> None:
    assert head.second_look
    same = replace(head, second_look=replace(head.second_look, direction=head.direction))
    assert margin(encoder, same, DILUTED) == pytest.approx(margin(encoder, head, DILUTED))
    blind = replace(head, second_look=replace(head.second_look, direction=-head.direction))
    assert margin(encoder, blind, DILUTED) < 0
    assert margin(encoder, blind, ASKED) == margin(encoder, head, ASKED)


def test_nothing_is_looked_for_where_no_words_promise_enough(encoder: Encoder, head: Head) -> None:
    def lefts(needed: float) -> dict[int, Remainder]:
        assert head.second_look
        limits = replace(head.second_look, score=head.second_look.score + needed)
        bank = HeadBank([replace(head, second_look=limits)], encoder)
        tokens = encoder.tokenize(DILUTED)
        hidden = encoder.encode(tokens.ids)
        found = bank.score(encoder.pool(hidden), tokens.ids, DILUTED)
        look = SecondLook(encoder, bank, Gate(encoder, bank.gate_directions, bank.gate_bias))
        return look.lefts(DILUTED, hidden, found)

    assert lefts(0)[0].score > lefts(4)[0].score - 1
    assert lefts(40) == {}


def test_a_text_longer_than_a_question_is_looked_at_once(encoder: Encoder, head: Head) -> None:
    page = f"{DILUTED} " + "The council opened the new library on a rainy day in spring. " * 5
    assert margin(encoder, head, page) == margin(encoder, replace(head, second_look=None), page)


def test_no_word_that_is_added_prevents_a_second_look(encoder: Encoder, head: Head) -> None:
    bank = HeadBank([head], encoder)
    look = SecondLook(encoder, bank, Gate(encoder, bank.gate_directions, bank.gate_bias))
    own, added = encoder.tokenize("lighthouse Alderney").ids, encoder.tokenize(OTHER * 3).ids
    assert np.all(look.reached(np.concatenate([added, own])) >= look.reached(own))


def test_a_head_keeps_its_limits_in_its_files(tmp_path: Path, head: Head) -> None:
    for name, content in head_files(head).items():
        (tmp_path / name).write_bytes(content)
    kept = load_head(tmp_path).second_look
    assert kept == head.second_look
    assert kept
    assert kept.direction is None
    own = replace(head, second_look=replace(kept, direction=2 * head.direction))
    for name, content in head_files(own).items():
        (tmp_path / name).write_bytes(content)
    kept = load_head(tmp_path).second_look
    assert kept
    np.testing.assert_array_equal(kept.direction, 2 * head.direction)
    for name, content in head_files(replace(head, second_look=None)).items():
        (tmp_path / name).write_bytes(content)
    assert load_head(tmp_path).second_look is None
