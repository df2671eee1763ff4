import pytest

from lethe.classifier.text.sign_statistics import Level, SignStatistics, kinds_of_signs

LEVEL = Level(6.0, 100.0)
BASE91 = "Roh+q/RTgSg@$PUo3LYJ,W/dt!L;GFLb;iv<k`IoL%PzlQ_oKB]Q|u<7^m~Vw#{x2"


@pytest.fixture(scope="module")
def statistics() -> SignStatistics:
    return SignStatistics.load()


@pytest.mark.parametrize(
    "ordinary",
    [
        "The garden behind the house was quiet in the morning, and nobody had swept the leaves.",
        "Der Garten hinter dem Haus war am Morgen still, und niemand hatte das Laub gekehrt.",
        "Ogród za domem był rano cichy i nikt nie zamiatał jeszcze liści ani gałęzi.",
        "家の裏の庭は朝静かで、誰も落ち葉を掃いていませんでした。",
        "for (let i = 0; i < rows.length; i++) { if (!rows[i].ok) return rows[i].error; }",
        '{"name": "left-pad", "version": "1.3.0", "dependencies": {"tape": "^4.9.0"}}',
        "| a | b |\n|---|---|\n| 1 | 2 |\n",
    ],
)
def test_prose_code_and_tables_are_not_odd(statistics: SignStatistics, ordinary: str) -> None:
    assert not statistics.odd(ordinary * 4, [LEVEL])


def test_a_code_is_found_amid_prose(statistics: SignStatistics) -> None:
    quiet = "The garden behind the house was quiet in the morning. "
    ((start, end),) = statistics.odd(f"{quiet}{BASE91} {quiet}", [LEVEL])
    assert abs(start - len(quiet)) <= 3
    assert abs(end - len(quiet) - len(BASE91)) <= 6


def test_stretches_that_prose_parts_are_found_each(statistics: SignStatistics) -> None:
    quiet = "The garden behind the house was quiet in the morning. " * 4
    assert len(statistics.odd(f"{BASE91} {quiet}{BASE91}", [LEVEL])) == 2


@pytest.mark.parametrize(
    "word", ["f3" * 40, "CC(=O)OC1=CC=CC=C1C(=O)O" * 3, "À-ÖØ-öø-ʸˠ-ˤᴀ-ᴥᴬ-ᵜᵢ-ᵥᵫ-ᵷᵹ-ᶾḀ-ỿⁱⁿₐ-ₜ" * 2]
)
def test_long_words_molecules_and_ranges_say_nothing(statistics: SignStatistics, word: str) -> None:
    assert not statistics.odd(word, [LEVEL])


def test_statistics_are_those_of_the_texts() -> None:
    learned = SignStatistics.of(["abc cab " * 400])
    assert not learned.odd("abc cab abc cab " * 3, [Level(3.0, 20.0)])
    assert learned.odd("acb bca acb bac " * 3, [Level(3.0, 20.0)])


def test_kinds_are_the_same_with_and_without_signs_beyond_ascii() -> None:
    text = "a1 B2\t~\n"
    assert kinds_of_signs(text).tolist() == kinds_of_signs(f"{text}ж")[:-1].tolist()
