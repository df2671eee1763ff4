import pytest
from hypothesis import given
from hypothesis import strategies as st

from lethe.classifier.text.canonical import canonical_texts, canonicalise

NAME = "Alderney lighthouse"


@pytest.mark.parametrize(
    "disguised",
    [
        "\u200b".join(NAME),
        "Аldеrnеу lighthоusе",
        "".join(chr(ord(c) + 0xFEE0) if c != " " else c for c in NAME),
        "".join(chr(0xE0000 + ord(c)) for c in NAME),
        "Al\u0301der\u0336ney light\u202ehouse",
        "𝐀𝐥𝐝𝐞𝐫𝐧𝐞𝐲 𝓁𝒾𝑔𝒽𝓉𝒽𝑜𝓊𝓈𝑒",
        "Ald\x00erney light\xadhouse",
        "Aldёrnеу lighthоusё",
    ],
)
def test_lookalikes_and_invisible_characters_are_read_through(disguised: str) -> None:
    assert canonicalise(disguised).text == NAME


def test_words_of_another_script_stay_what_they_are() -> None:
    assert canonicalise("Кто построил маяк? Сосна росла").text == "Кто построил маяк? Сосна росла"


@pytest.mark.parametrize(
    "text",
    [
        "ハリー・ポッターは誰ですか",
        "해리 포터는 누구입니까",
        "แฮร์รี่ พอตเตอร์คือใคร",
        "हैरी पॉटर कौन है",
        "Гарри Поттер и мой ёж",
        "أين مدرسة السحر",
    ],
)
def test_letters_with_marks_stay_where_a_script_spells_by_them(text: str) -> None:
    assert canonicalise(text).text == text


@pytest.mark.parametrize("mark", ["็", "ँ", "\u3099", "็็"])
def test_marks_of_another_script_are_dropped(mark: str) -> None:
    assert canonicalise("Alder" + mark + "ney light" + mark + "house").text == NAME


@given(st.text(max_size=60))
def test_every_span_comes_from_a_span_of_the_original(text: str) -> None:
    canonical = canonicalise(text)
    for end in range(1, len(canonical.text) + 1):
        start, stop = canonical.original_span(end - 1, end)
        assert 0 <= start < stop <= len(text)


@given(st.text(alphabet=st.characters(max_codepoint=126, min_codepoint=32)))
def test_plain_text_is_left_alone(text: str) -> None:
    assert canonicalise(text).text == text


@given(st.text(max_size=60))
def test_places_in_the_original_never_run_backwards(text: str) -> None:
    canonical = canonicalise(text)
    spans = [canonical.original_span(place, place + 1) for place in range(len(canonical.text))]
    assert spans == sorted(spans)


@given(st.text(alphabet="abе́\u200bﬁ маяк\U000e0041", max_size=30))
def test_a_long_text_is_read_as_a_short_one_is(text: str) -> None:
    once = canonicalise(text + "\n").text
    assert canonicalise((text + "\n") * (20_000 // (len(text) + 1) + 1)).text[: len(once)] == once


@given(st.lists(st.text(st.sampled_from("aо́рéͨ ᄀก็\u0902\n\r_.")), max_size=8))
def test_texts_read_together_are_read_as_each_is_alone(texts: list[str]) -> None:
    assert canonical_texts(texts) == [canonicalise(text).text for text in texts]
