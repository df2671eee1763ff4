import pytest

from lethe.classifier.disguises.initials import INITIALS


def test_first_letters_of_words_are_read() -> None:
    read = INITIALS.read(
        "lemon island garden hammer table, hammer orange umbrella silver elbow, needle elbow apple river"
    )
    assert read is not None
    assert "light house near" in read.text


@pytest.mark.parametrize("end", ["a", "3", "(so)", "-"])
def test_a_row_is_read_behind_words_that_end_without_a_last_one(end: str) -> None:
    row = "lemon island garden hammer table, hammer orange umbrella silver elbow, needle elbow apple river"
    words = "quiet lamp near every window of them, " * 12
    read = INITIALS.read(f"{words}{end} {row}")
    assert read is not None
    assert "light house near" in read.text
