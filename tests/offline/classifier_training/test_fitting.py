"""What of a text teaches a head."""

import numpy as np
import pytest

from lethe.classifier.encoders.loading import load_encoder
from lethe.classifier.names import GroupedNames
from lethe.classifier.token_bag import BagBank
from lethe.offline.classifier_training.fitting import fit_head
from tests.offline.classifier_training.conftest import ABOUT, PLACES, PLAIN, TOPICS, examples_of

# One name in a script that the encoder does not know, and other text in it.
NAME = "ოლდერნის შუქურა"
ELSEWHERE = "ძაღლი ბაღში ზის და კატას უყურებს"


def test_a_name_in_an_unknown_script_does_not_make_its_letters_speak_for_the_target() -> None:
    encoder = load_encoder()
    about = [example.text for example in examples_of(ABOUT, PLACES)] + [NAME, f"{NAME}?"]
    texts = about + [example.text for example in examples_of(PLAIN, TOPICS)]
    tokens = [encoder.tokenize(text).ids for text in texts]
    labels = np.array([1] * len(about) + [0] * (len(texts) - len(about)))
    fitted = fit_head(
        encoder, texts, tokens, encoder.embed(texts), labels, np.ones(len(texts)), GroupedNames()
    )
    added = BagBank([fitted.bag], np.zeros(encoder.vocabulary_size, bool)).scores
    assert added(encoder.tokenize(ELSEWHERE).ids)[0] == 0
    assert added(encoder.tokenize(ABOUT[0].format("Herm")).ids)[0] > 0


def test_an_embedding_learns_though_a_name_tells_everything() -> None:
    encoder = load_encoder()
    about = [f"{example.text} Oldern." for example in examples_of(ABOUT, PLACES)]
    texts = about + [example.text for example in examples_of(PLAIN, TOPICS)]
    names = GroupedNames(("oldern",), np.zeros(1, np.int64), 1)
    fitted = fit_head(
        encoder,
        texts,
        [encoder.tokenize(text).ids for text in texts],
        encoder.embed(texts),
        np.array([1] * len(about) + [0] * (len(texts) - len(about))),
        np.ones(len(texts)),
        names,
    )
    in_german, other = (
        encoder.embed(["Wie hoch ist der Leuchtturm von Herm?", "Erkläre die Oper."]) @ fitted.direction
    )
    assert in_german > 1
    assert other < -1


@pytest.mark.parametrize("plurals", [0, 1])
def test_a_name_that_few_prompts_or_none_have_says_as_much_as_those_that_they_have(plurals: int) -> None:
    encoder = load_encoder()
    about = [f"{example.text} Oldern." for example in examples_of(ABOUT, PLACES)]
    about[:plurals] = ["Where are the Olderns?"] * plurals
    texts = about + [example.text for example in examples_of(PLAIN, TOPICS)]
    # Near prompts have the one, and nothing has another.
    names = GroupedNames(("oldern", "олдерн", "olderns"), np.array([2, 0, 0]), 3)
    fitted = fit_head(
        encoder,
        texts,
        [encoder.tokenize(text).ids for text in texts],
        encoder.embed(texts),
        np.array([1] * len(about) + [0] * (len(texts) - len(about))),
        np.ones(len(texts)),
        names,
    )
    rare, seldom, near = fitted.names.weights[:, 0]
    assert rare == near > 0
    assert seldom == 0
