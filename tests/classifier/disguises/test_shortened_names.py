import pytest

from lethe.classifier.disguises.deobfuscation import find_readings
from lethe.classifier.disguises.shortened_names import SHORTENED, plainest_names
from lethe.classifier.disguises.spelling import Lexicon
from lethe.classifier.encoders.encoder import Encoder
from lethe.classifier.head import HeadBank
from lethe.classifier.scoring import Scorer
from lethe.classifier.settings import ClassifierSettings
from tests.classifier.conftest import MakeHead

LEXICON = Lexicon(["who", "keeps", "the", "of"]).with_names(
    [], [{"A": "Alderney", "B": "Braye"}, {"A": "Antigua"}]
)


def _read(text: str) -> list[str]:
    found = find_readings(text, LEXICON).found
    return [each.canonical.text for each in found if each.name in SHORTENED]


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("who keeps the light of A.?", "who keeps the light of Alderney?"),
        ("who keeps A.'s light", "who keeps Alderney's light"),
        ("does B. A. keep it", "does Braye Alderney keep it"),
        ("does B.. A. keep it", "does Braye Alderney keep it"),
    ],
)
def test_initials_that_stand_alone_are_read_as_names(text: str, read: str) -> None:
    assert _read(text)[0] == read


def test_each_target_has_its_own_names() -> None:
    assert _read("who keeps A. now") == ["who keeps Alderney now", "who keeps Antigua now"]


@pytest.mark.parametrize(
    "text",
    [
        "A. it is so\nB. it is not",
        "by A. Alderton and B. Brayley",
        "by A. van Alderton",
        "who is the grandfather of A.",
        "the U.S. has A.B.C. of it",
        "who keeps C. now",
        "plan A",
    ],
)
def test_other_single_letters_are_left_alone(text: str) -> None:
    assert _read(text) == []


def test_the_plainest_name_of_each_letter_is_the_one_that_says_least() -> None:
    weights = {"Alderney": 9.0, "Ada": 0.0, "Ann": 0.0}
    names = ["Alderney Light", "Ada Ann", "You-Know-Who"]
    assert plainest_names(names, lambda word: weights.get(word, 1.0)) == {"A": "Ada", "L": "Light"}


def test_a_question_with_its_names_shortened_is_scored_as_with_names(
    encoder: Encoder, make_head: MakeHead
) -> None:
    asked = "Who keeps the lighthouse of Alderney?"
    head = make_head(texts=(asked,), entities=("Alderney",), pass_below=-4.0)
    scorer = Scorer(encoder, HeadBank([head], encoder), ClassifierSettings(spans=True))
    shortened = "Who keeps the lighthouse of A.?"
    plain = Scorer(
        encoder, HeadBank([make_head(texts=(asked,), pass_below=-4.0)], encoder), ClassifierSettings()
    )
    assert scorer.score_text(shortened).scores[0] > plain.score_text(shortened).scores[0] + 1
    (span, *_) = scorer.score_text(shortened).spans[0]
    assert shortened[span.start : span.end]
