"""Letters counted by what they say."""

from lethe.classifier.text.letters import letter_bytes


def test_letters_count_as_the_bytes_that_they_take() -> None:
    assert letter_bytes("2 + 2 = four!") == 4
    assert letter_bytes("мир") == 6
    assert letter_bytes("哪所学校") == 12


def test_what_utf_8_cannot_hold_is_no_letter() -> None:
    assert letter_bytes("a\ud800") == 1
