import numpy as np
import pytest

from lethe.classifier.encoders.encoder import Encoder
from lethe.classifier.encoders.files import find_encoder
from lethe.classifier.encoders.loading import load_encoder
from lethe.classifier.errors import ClassifierError
from lethe.models.sentence_encoders import MINILM

TEXTS = [
    "Who is the keeper of the lighthouse?",
    "a",
    "Explain the difference between a list and a tuple in Python, with examples. " * 6,
    "¿Dónde está la biblioteca? 图书馆在哪里？",
]


@pytest.fixture(scope="module")
def exact() -> Encoder:
    return load_encoder(MINILM, precision="float32")


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return load_encoder(MINILM)


def test_float32_graph_equals_transformers(exact: Encoder) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder = find_encoder(MINILM).folder
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder).eval()
    for text in TEXTS:
        with torch.inference_mode():
            expected = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].numpy()
        found = exact.encode(exact.tokenize(text).ids)
        # Word embeddings are kept as float16, which is all that differs.
        np.testing.assert_allclose(found, expected, atol=5e-3)


def test_int8_graph_agrees_with_float32(exact: Encoder, encoder: Encoder) -> None:
    agreement = np.sum(exact.embed(TEXTS) * encoder.embed(TEXTS), axis=1)
    assert agreement.min() > 0.98


def test_embedding_does_not_depend_on_what_was_asked_before(encoder: Encoder) -> None:
    alone = encoder.embed(TEXTS[:1])
    encoder.embed(TEXTS[1:])
    np.testing.assert_array_equal(encoder.embed(TEXTS[:1]), alone)


def test_a_segment_of_all_tokens_is_the_window_without_its_specials(exact: Encoder) -> None:
    tokens = exact.tokenize(TEXTS[2])
    hidden = exact.encode(tokens.ids)
    segment = exact.pool_segment(hidden, tokens.ids, 0, len(tokens))
    np.testing.assert_array_equal(segment, exact.pool(hidden[1:-1]))
    assert segment @ exact.pool(hidden) > 0.98


def test_long_texts_are_tokenized_whole(encoder: Encoder) -> None:
    text = "word " * 3000
    assert len(encoder.tokenize(text)) == 3000


def test_an_unknown_encoder_is_refused_with_advice(tmp_path) -> None:
    with pytest.raises(ClassifierError, match=r"lacks config\.json, model\.safetensors, tokenizer\.json"):
        load_encoder(str(tmp_path))


def test_an_unsupported_family_is_refused(tmp_path) -> None:
    source = find_encoder(MINILM).folder
    for name in ("model.safetensors", "tokenizer.json"):
        (tmp_path / name).symlink_to(source / name)
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    with pytest.raises(ClassifierError, match="'gpt2'"):
        load_encoder(str(tmp_path), cache_folder=tmp_path / "cache")


def test_single_letters_and_what_is_unknown_are_nothing_of_a_word(encoder: Encoder) -> None:
    assert encoder.wordless[encoder.tokenize("გამარჯობა Ω ξ").ids].all()
    assert not encoder.wordless[encoder.tokenize("where is the library?").ids].any()
