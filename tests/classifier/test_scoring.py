import base64
from dataclasses import replace

import numpy as np
import pytest

from lethe.classifier import scoring
from lethe.classifier.encoders.encoder import Encoder
from lethe.classifier.first_tier import UnreadText
from lethe.classifier.head import Head, HeadBank
from lethe.classifier.names import GroupedNames, NameWeights
from lethe.classifier.scoring import Scorer
from lethe.classifier.settings import ClassifierSettings
from lethe.classifier.tail import Tail
from lethe.classifier.token_bag import BagWeights
from tests.classifier.conftest import MakeHead

WORDS = "The council opened the new library on a rainy day in spring."
ASKED = "Who keeps the lighthouse of Alderney?"
# How far from what was decoded a reading may say something new.
_REACH = 200
PAGE = f"{WORDS} It has two reading rooms and a cafe. {ASKED} The mayor spoke of the years it had taken."


def test_braces_and_rules_hold_no_page_back(encoder: Encoder, make_head: MakeHead) -> None:
    # What has few tokens has little more than the bias for its score.
    head = make_head(texts=(ASKED,), pass_below=-4.0)
    page = f"{WORDS}\n\n---------------------------\n\n{WORDS} }}"
    scorer = _scorer(encoder, head)
    assert not scorer.prepare(page).windows
    assert scorer.prepare(f"{page} {ASKED}").windows


def test_characters_that_nobody_sees_are_no_window(encoder: Encoder, make_head: MakeHead) -> None:
    assert not _scorer(encoder, make_head(texts=(ASKED,)), first_tier=False).prepare("\u200b\u2060").windows


def test_a_sentence_that_is_undecided_alone_is_read_in_its_window(
    encoder: Encoder, make_head: MakeHead
) -> None:
    asked = make_head(texts=(ASKED,))

    def head(threshold: float) -> Head:
        # Embeddings know the page better than the question, so the window lifts the score.
        return make_head(
            texts=(PAGE,),
            bag=BagWeights(np.empty(0, np.int64), np.empty(0, np.float32)),
            gate_direction=asked.gate_direction,
            gate_bias=asked.gate_bias,
            pass_below=-4.0,
            threshold=threshold,
        )

    alone = float(_scorer(encoder, head(0.5)).score_text(ASKED).scores[0])
    whole = float(_scorer(encoder, head(0.5), first_tier=False).score_text(PAGE).scores[0])
    assert whole > alone + 1
    probability = head(0.5).calibration.probability
    for threshold, score in ((alone - 0.1, alone), (alone + 1, whole), (alone + 3, alone)):
        scorer = _scorer(encoder, head(float(probability(threshold))))
        (window,) = scorer.prepare(PAGE).windows
        assert window.suspicious_text.strip() == ASKED
        assert scorer.score_text(PAGE).scores[0] == pytest.approx(score, abs=1e-5)


def test_a_sentence_that_stands_twice_is_read_in_both_windows(encoder: Encoder, make_head: MakeHead) -> None:
    head = make_head(texts=(ASKED,), pass_below=-4.0)
    scorer = _scorer(encoder, head)
    far_apart = f"{ASKED} {WORDS * 8} {ASKED} {WORDS * 8}"
    assert len(scorer.prepare(far_apart).windows) >= 2


def test_texts_are_prepared_together_as_each_is_alone(encoder: Encoder, make_head: MakeHead) -> None:
    scorer = _scorer(encoder, make_head(texts=(ASKED,), pass_below=-4.0))
    texts = [ASKED, "", WORDS, f"{ASKED[::-1]} {WORDS}", ASKED, PAGE * 3]
    for text, together in zip(texts, scorer.prepare_all([UnreadText(text) for text in texts]), strict=True):
        alone = scorer.prepare(text)
        assert [window.text for window in together.windows] == [window.text for window in alone.windows]
        assert [window.gate.tolist() for window in together.windows] == [
            window.gate.tolist() for window in alone.windows
        ]


def test_what_stands_around_a_disguise_is_judged_in_the_plain_reading_alone(
    encoder: Encoder, make_head: MakeHead
) -> None:
    scorer = _scorer(encoder, make_head(texts=(ASKED,), pass_below=-4.0), first_tier=False)
    around = [f"The shelf of room {number} holds maps and old globes." for number in range(40)]
    hidden = base64.b64encode(WORDS.encode()).decode()
    page = " ".join([*around[:20], hidden, *around[20:]])
    (window,) = [window for window in scorer.prepare(page).windows if WORDS in window.text]
    for sentence in window.sentences:
        decoded = sentence.canonical.text.find(WORDS)
        assert sentence.end > decoded - _REACH
        assert sentence.start < decoded + len(WORDS) + _REACH
    assert set(window.text.split()) <= {*page.split(), *WORDS.split()}


def test_what_is_put_together_is_read_by_the_disguises_of_its_parts(
    encoder: Encoder, make_head: MakeHead
) -> None:
    scorer = _scorer(encoder, make_head(texts=(ASKED,), pass_below=-4.0))
    hidden = base64.b64encode(ASKED.encode()).decode()
    whole = f"{WORDS}\n{hidden}"
    (found,) = scorer.prepare_all([UnreadText(whole, (WORDS, hidden))])
    assert any(ASKED in window.text for window in found.windows)
    (found,) = scorer.prepare_all([UnreadText(whole, (WORDS, WORDS))])
    assert not any(ASKED in window.text for window in found.windows)


def test_a_score_must_reach_what_the_tail_asks_for_beyond_the_threshold(
    encoder: Encoder, make_head: MakeHead
) -> None:
    tail = Tail(score=0.5, scale=0.8, rate=1e-5)
    settings = ClassifierSettings(false_alarm_share=0.02)
    head = make_head(tail=tail)
    scorer = Scorer(encoder, HeadBank([head], encoder), settings)
    for threshold in (head.threshold, 0.2, 0.9):
        levels = scorer.bank.thresholds_with({head.target: threshold})
        for characters in (0, 100, 30_000, 2_000_000):
            expected = max(tail.threshold(characters, 0.01) - head.calibration.score(threshold), 0)
            assert scorer.raised(characters, levels)[0] == pytest.approx(expected, abs=1e-5)
    assert scorer.raised(2_000_000, scorer.bank.thresholds)[0] > 0
    untailed = _scorer(encoder, make_head())
    assert not untailed.raised(2_000_000, untailed.bank.thresholds).any()


def test_a_single_name_in_passing_flags_no_page(encoder: Encoder, make_head: MakeHead) -> None:
    names = NameWeights(
        GroupedNames(("vinter",), np.zeros(1, np.int64), 1), np.array([[12.0, 0.0]], np.float32)
    )
    head = make_head(texts=(ASKED,), names=names, tail=Tail(-1.0, 1.0, 1e-6))
    told, asked = "They paid tribute to Vinter.", "What did they say of Vinter?"

    def flags(text: str, head: Head = head) -> bool:
        return bool(_scorer(encoder, head).score_text(text).scores[0] >= 0)

    assert flags(told)
    page = f"{WORDS} {told} {WORDS * 4}"
    assert not flags(page)
    assert flags(f"{page} {asked}")
    assert flags(page, replace(head, tail=None))


def test_a_few_letters_ask_nothing_within_a_longer_text(encoder: Encoder, make_head: MakeHead) -> None:
    scorer = _scorer(encoder, make_head(texts=(ASKED,), pass_below=-100.0, lexical_below=-100.0))
    assert scorer.prepare("harbour").windows
    page = f"{WORDS * 6}\n\n{{}}\n\n{WORDS * 6}"
    for fragment in ("harbour", "#### 3.3"):
        for window in scorer.prepare(page.format(fragment)).windows:
            assert fragment not in [sentence.text.strip() for sentence in window.sentences]
    (asked,) = (
        sentence.text.strip()
        for window in scorer.prepare(page.format("Where is it, the harbour?")).windows
        for sentence in window.sentences
        if "it, the" in sentence.text
    )
    assert asked == "Where is it, the harbour?"


def _scorer(encoder: Encoder, head: Head, *, first_tier: bool = True) -> Scorer:
    bank = HeadBank([head], encoder)
    return Scorer(encoder, bank, ClassifierSettings(first_tier=first_tier))


def test_what_is_read_with_losses_needs_less(encoder: Encoder, make_head: MakeHead) -> None:
    head = make_head(texts=(ASKED,), pass_below=-4.0)
    scorer = _scorer(encoder, head)
    spelled = "Whiskey Hotel Oscar, Kilo Echo Echo Papa Sierra, Tango Hotel Echo, Hotel Alfa Romeo Bravo Oscar Uniform Romeo"
    (window,) = (each for each in scorer.prepare(spelled).windows if each.lossy)
    lossy = scorer.score_window(window, spans=False).scores
    exact = scorer.score_window(replace(window, lossy=False), spans=False).scores
    assert lossy - exact == pytest.approx([2.0], abs=1e-5)


def test_what_is_read_with_losses_and_far_from_any_target_is_cleared(
    encoder: Encoder, make_head: MakeHead
) -> None:
    scorer = _scorer(encoder, make_head(texts=(ASKED,), pass_below=0.0, lexical_below=0.5))
    assert scorer.prepare(_by_number(ASKED)).windows
    assert not scorer.prepare(_by_number(WORDS)).windows


def _by_number(text: str) -> str:
    words = ("".join(filter(str.isalpha, word)).lower() for word in text.split())
    return " ".join("-".join(str(ord(letter) - 96) for letter in word) for word in words)


def test_what_is_decoded_exactly_needs_as_much_as_plain_text(encoder: Encoder, make_head: MakeHead) -> None:
    head = make_head(texts=(ASKED,), pass_below=-4.0)
    scorer = _scorer(encoder, head)
    windows = scorer.prepare(base64.b64encode(ASKED.encode()).decode()).windows
    assert windows
    assert not any(window.lossy for window in windows)


def test_a_start_with_many_targets_waits_for_the_names_of_a_few(
    encoder: Encoder, make_head: MakeHead, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_for: list[tuple[str, ...]] = []
    monkeypatch.setattr(scoring, "entity_spans", lambda names, _text: looked_for.append(names))
    heads = [make_head(f"lighthouse-{number}", entities=(f"Light {number}",)) for number in range(30)]
    Scorer(encoder, HeadBank(heads, encoder), ClassifierSettings()).warm_up()
    assert looked_for == [head.entities for head in heads[: len(looked_for)]]
    assert 0 < len(looked_for) < len(heads)
