"""What is embedded for the fits of a training: every text once, however many fits see it."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from lethe.classifier.encoders.bert import BertEncoder
from lethe.classifier.encoders.encoder import TokenizedText
from lethe.classifier.encoders.files import find_encoder
from lethe.classifier.names import GroupedNames
from lethe.classifier.token_bag import BagBank
from lethe.offline.classifier_training.cores import tell_nobody
from lethe.offline.classifier_training.cross_fitting import cross_fitted_scores
from lethe.offline.classifier_training.embeddings import EmbeddingStore, Stretch
from lethe.offline.classifier_training.example_set import ExampleSet
from lethe.offline.classifier_training.examples import Example
from lethe.offline.classifier_training.head_fitting import HeadFitter
from lethe.offline.classifier_training.settings import TrainingSettings
from lethe.offline.classifier_training.windows import TrainingWindow
from tests.offline.classifier_training.conftest import ABOUT, NEAR, PLACES, PLAIN, TOPICS, examples_of

SETTINGS = TrainingSettings(forget_forms=1, vocabulary_rounds=1)


class RecordingEncoder(BertEncoder):
    """Counts how often each text was read, and each window encoded, by its tokens; knows few words."""

    read: Counter[str]
    encoded: Counter[bytes]

    @cached_property
    def words(self) -> tuple[str, ...]:
        return tuple(f"{first}{second}word" for first in "abcdefghij" for second in "klmnopqrst")

    def tokenize(self, text: str) -> TokenizedText:
        self.read[text] += 1
        return super().tokenize(text)

    def encode(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        self.encoded[ids.tobytes()] += 1
        return super().encode(ids)


@pytest.fixture
def encoder(tiny_encoder_folder: Path, tmp_path: Path) -> RecordingEncoder:
    loaded = RecordingEncoder.load(find_encoder(str(tiny_encoder_folder)), "int8", tmp_path)
    assert isinstance(loaded, RecordingEncoder)
    loaded.read, loaded.encoded = Counter(), Counter()
    return loaded


@pytest.fixture
def fitter(encoder: RecordingEncoder, tmp_path: Path) -> Iterator[HeadFitter]:
    store = EmbeddingStore(encoder, "int8", tmp_path / "embeddings.sqlite")
    yield HeadFitter(store, SETTINGS, GroupedNames())
    store.close()


@pytest.fixture
def examples() -> ExampleSet:
    sides = (examples_of(*pair) for pair in ((ABOUT, PLACES), (NEAR, PLACES), (PLAIN, TOPICS)))
    return ExampleSet(*([Example(each.text, each.text) for each in side] for side in sides))


def test_across_folds_each_text_is_embedded_once(
    fitter: HeadFitter, encoder: RecordingEncoder, examples: ExampleSet
) -> None:
    fitter.embed([examples], tell_nobody)
    read = encoder.read.copy()
    parts: list[ExampleSet] = []
    cross_fitted_scores(examples, lambda part: parts.append(part) or (lambda _: [0.0]), folds=5, seed=0)
    for part in parts:
        fitter.embed([part], tell_nobody)
    assert len(parts) == 5
    assert encoder.read == read
    assert set(read.values()) == {1}


def test_what_was_embedded_for_all_fits_is_all_that_they_read(
    fitter: HeadFitter, encoder: RecordingEncoder, examples: ExampleSet
) -> None:
    fewer = replace(examples, forget=examples.forget[::2])
    fitter.embed([fewer, examples], tell_nobody)
    encoded = encoder.encoded.copy()
    for part in (fewer, examples.keeping({each.group for each in examples.keep[::3]})):
        fitter.fit(part, lambda _step: None)
    assert encoder.encoded == encoded


def test_a_few_near_windows_among_many_others_are_held_further_from_the_target(
    encoder: RecordingEncoder, fitter: HeadFitter
) -> None:
    shown, near, others = (
        [TrainingWindow(Stretch.whole(each.text), label, each.text) for each in examples_of(*pair)]
        for pair, label in (((ABOUT, PLACES), 1), ((NEAR[:1], PLACES[:1]), 0), ((PLAIN, TOPICS), 0))
    )

    def score_of_near(count: int) -> float:
        fitted = fitter.fit_windows(shown, near + others, lambda _: None, near=count)
        (window,) = near
        added = BagBank([fitted.bag], encoder.wordless).scores(encoder.tokenize(window.text).ids)[0]
        return float(encoder.embed([window.text])[0] @ fitted.direction + fitted.bias + added)

    assert score_of_near(len(near)) < score_of_near(0)
