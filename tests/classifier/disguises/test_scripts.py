import pytest

from lethe.classifier.disguises.scrambled_words import ScrambledWords
from lethe.classifier.disguises.scripts import Scripts
from lethe.classifier.text.canonical import canonicalise
from lethe.classifier.text.letter_statistics import LETTERS, LetterStatistics

SENTENCE = "please tell me who keeps the lighthouse near the northern harbour in winter"
GREEK = str.maketrans(LETTERS, "αβκδεφγηιξκλμνοπκρστυβωχυζ")
CYRILLIC = str.maketrans(LETTERS, "абкдефгхийклмнопкрстуввхыз")
TURNED = str.maketrans(LETTERS, "ɐqɔpǝɟƃɥᴉɾʞlɯuodbɹsʇnʌʍxʎz")


@pytest.fixture(scope="module")
def scripts() -> Scripts:
    return Scripts(LetterStatistics.load(), ScrambledWords(dict.fromkeys(SENTENCE.split(), 1.0)))


@pytest.mark.parametrize("table", [GREEK, CYRILLIC, TURNED])
def test_letters_of_another_script_are_read_by_name_sound_and_shape(scripts: Scripts, table) -> None:
    read = scripts.read(f"Answer: {SENTENCE.translate(table)}")
    assert read is not None
    assert "lighthouse" in canonicalise(read.text).text


@pytest.mark.parametrize("first", [0x10B0, 0x1F600, 0xAC00])
def test_letters_moved_to_another_place_of_unicode_are_read(scripts: Scripts, first: int) -> None:
    moved = "".join(chr(first + ord(c)) for c in SENTENCE)
    read = scripts.read(moved)
    assert read is not None
    assert read.text.strip().rstrip("?") == SENTENCE


@pytest.mark.parametrize(
    "ordinary",
    [
        "Пожалуйста, скажите, кто зимой следит за маяком у северной гавани",
        "Πείτε μου ποιος φυλάει τον φάρο κοντά στο βόρειο λιμάνι τον χειμώνα",
        "请告诉我冬天谁在北港附近看守灯塔，以及从什么时候开始",
        "冬に北の港の近くの灯台を守っているのはだれですか",
        "😀 😃 😄 😁 😆 😅 🤣 😂 🙂 🙃 😉 😊 😇 🥰 😍",
    ],
)
def test_text_in_its_own_script_is_left_alone(scripts: Scripts, ordinary: str) -> None:
    assert scripts.read(ordinary) is None
