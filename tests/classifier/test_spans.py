from dataclasses import replace

import numpy as np
import pytest

from lethe.classifier.encoders.loading import load_encoder
from lethe.classifier.spans import entity_spans, evidence_spans
from lethe.classifier.token_bag import BagWeights
from lethe.models.sentence_encoders import MINILM, USE_MULTILINGUAL
from tests.classifier.conftest import MakeHead

NO_WORDS = BagWeights(np.empty(0, np.int64), np.empty(0, np.float32))


@pytest.mark.parametrize("name", [MINILM, USE_MULTILINGUAL])
def test_the_words_that_the_embedding_speaks_of_are_found(name: str, make_head: MakeHead) -> None:
    encoder = load_encoder(name)
    direction = encoder.embed(["lighthouse"])[0]
    head = replace(make_head(), direction=direction, bag=NO_WORDS)
    text = "Yesterday my neighbour told me at length about the old lighthouse and then about his garden."
    tokens = encoder.tokenize(text)
    hidden = encoder.encode(tokens.ids)
    shares = encoder.token_shares(hidden, 0, len(tokens), direction)
    spans = evidence_spans(head, text, tokens, shares, encoder.wordless)
    best = max(spans, key=lambda span: span.weight)
    assert "lighthouse" in text[best.start : best.end]
    assert sum(span.end - span.start for span in spans) < len(text) / 2


@pytest.mark.parametrize(
    ("names", "text", "found"),
    [
        (("Ada", "Ada Lovelace", "Byron"), "byron wrote of ADA LOVELACE.", ["byron", "ADA LOVELACE"]),
        (("Ada", "the Adas"), "Adas are no Ada; The Adas are.", ["Ada", "The Adas"]),
        (("Élodie", "écru", "σοφία"), "ÉLODIE, Écru, Σοφία", ["ÉLODIE", "Écru", "Σοφία"]),
        (("Ida", "ivy"), "IDA and Ivy", ["IDA", "Ivy"]),
    ],
)
def test_names_are_found_whole_and_the_longest_first(
    names: tuple[str, ...], text: str, found: list[str]
) -> None:
    assert [text[span.start : span.end] for span in entity_spans(names, text)] == found
