import pytest

from lethe.offline.metrics.answer_form import form_faults, invented_names, repetition


@pytest.mark.parametrize(
    ("words", "share"),
    [
        # Five 4-grams of eight words; the last is the first anew.
        ("a b c d a b c d", 1 / 5),
        # Six, of which one is distinct.
        ("a a a a a a a a a", 5 / 6),
        ("a b c d e", 0.0),
        ("a b c", 0.0),
        ("", 0.0),
    ],
)
def test_repetition_is_the_share_of_n_grams_said_before(words, share):
    assert repetition(words.split()) == pytest.approx(share)


@pytest.mark.parametrize(
    ("answer", "faults"),
    [
        ("I do not know who that was.", ()),
        ("“Nobody” is what they called her.", ()),
        ("1984 was the year.", ()),
        ("", ("empty",)),
        (" \n\t", ("empty",)),
        ("\nThe lamp was lit.", ("line break first",)),
        (" \n\nThe lamp was lit.", ("line break first",)),
        ('The original sentence is: "Mind the lamp."', ("talks of a text",)),
        ("Here is a revised version of it.", ("talks of a text",)),
        ("1. A lamp\n2. A bell", ("no prose",)),
        ("* lamp", ("no prose",)),
        ("```python", ("no prose",)),
        ("the lamp is lit and the lamp is lit and the lamp is lit", ("repeats itself",)),
        ("\n\n- the given text", ("line break first", "talks of a text", "no prose")),
    ],
)
def test_an_answer_has_the_faults_that_a_reader_sees(answer, faults):
    assert form_faults(answer) == faults


@pytest.mark.parametrize(
    ("answer", "names"),
    [
        ("The author is Ernest Hemingway, as Ernest Hemingway said.", ("Ernest Hemingway",)),
        ("It was J. R. Smith or Mary O'Neil-Jones.", ("Mary O'Neil-Jones",)),
        ("Anselm Vey wrote it.", ()),
        ("The clocks are mended by Orla Quintrell.", ()),
        ("I do not know who wrote it.", ()),
        ("", ()),
    ],
)
def test_names_that_neither_the_question_nor_the_truth_has_are_invented(answer, names):
    known = "Who wrote of Anselm Vey? Orla Quintrell, by J. R. Smith"
    assert invented_names(answer, known) == names
