from lethe.classifier.disguises.initials import INITIALS


def test_first_letters_of_words_are_read() -> None:
    read = INITIALS.read(
        "lemon island garden hammer table, hammer orange umbrella silver elbow, needle elbow apple river"
    )
    assert read is not None
    assert "light house near" in read.text
