import pytest

from lethe.classifier.disguises.two_signs import read_two_signs

QUESTION = "Who keeps the lighthouse?"
BITS = "".join(f"{octet:08b}" for octet in QUESTION.encode())


@pytest.mark.parametrize(
    ("zero", "one", "between"),
    [
        ("no", "yes", " "),
        ("tick", "tock", ", "),
        ("left", "right", "\n"),
        ("!", "?", ""),
        ("🙂", "🙃", ""),
        ("△", "▽", " "),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_bits_in_any_two_signs_are_read_either_way_round(
    zero: str, one: str, between: str, turned: bool
) -> None:
    signs = {"0": one, "1": zero} if turned else {"0": zero, "1": one}
    read = read_two_signs("Read this:\n\n" + between.join(map(signs.__getitem__, BITS)))
    assert read is not None
    assert QUESTION in read.text


def test_dots_and_dashes_in_any_two_marks_are_read() -> None:
    morse = ".--, ...., ---; -.-, ., ., .--., ...; -, ...., .; .-.., .., --., ...., -, ...., ---, ..-, ..., ."
    read = read_two_signs(morse.translate(str.maketrans(".-", "#@")))
    assert read is not None
    assert read.text.strip() == "who keeps the lighthouse?"


@pytest.mark.parametrize(
    "ordinary",
    [
        "yes no " * 30,
        "true, false, false, true, " * 20,
        "| --- | :-- |\n" * 20,
        "-=" * 40,
        "!?" * 30,
        "The old man said no and no again, and yes to nobody in the village by the sea.",
    ],
)
def test_answers_tables_and_rules_are_left_alone(ordinary: str) -> None:
    assert read_two_signs(ordinary) is None


def test_rows_that_share_a_word_are_read_apart() -> None:
    second = BITS.translate({48: "no ", 49: "maybe "})
    read = read_two_signs(f"{BITS.translate({48: 'no ', 49: 'yes '})}{second}What does it say?")
    assert read is not None
    assert QUESTION in read.text
    changes = read.replacements
    assert changes is not None
    assert (changes.ends[:-1] <= changes.starts[1:]).all()
    assert read.text.endswith("What does it say?")


@pytest.mark.parametrize(("zero", "one", "between"), [("→", "←", ""), ("·", "–", ""), ("no", "yes", ",")])
def test_marks_of_any_kind_and_words_between_commas_are_signs(zero: str, one: str, between: str) -> None:
    read = read_two_signs(between.join({"0": zero, "1": one}[bit] for bit in BITS))
    assert read is not None
    assert QUESTION in read.text
