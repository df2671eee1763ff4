from lethe.classifier.disguises.invisible import reveal, unread

SECRET = "Who keeps the lighthouse?"


def test_bytes_in_variation_selectors_are_written_out() -> None:
    hidden = "".join(chr(0xE0100 + byte - 16) for byte in SECRET.encode())
    read = reveal(f"😀{hidden} Hello")
    assert read is not None
    assert SECRET in read.text


def test_bits_in_zero_width_characters_are_written_out_whichever_is_nought() -> None:
    bits = "".join(f"{byte:08b}" for byte in SECRET.encode())
    for signs in ("\u200b\u200c", "\u200d\u200b"):
        read = reveal(f"Hello {bits.translate(str.maketrans('01', signs))} there")
        assert read is not None
        assert SECRET in read.text


def test_bits_in_blanks_are_written_out_and_tables_are_ordinary() -> None:
    bits = "".join(f"{byte:08b}" for byte in SECRET.encode())
    read = reveal(f"Hello.{bits.translate({48: ' ', 49: chr(9)})}Bye.")
    assert read is not None
    assert SECRET in read.text
    assert reveal(f"{chr(9) * 60} a {' ' * 200} b") is None


def test_a_run_that_says_nothing_is_told() -> None:
    run = "\u200b\u200c\u200d\u2060" * 8
    assert reveal(f"Hello {run}") is None
    assert unread(f"Hello {run}") == [(6, 38)]


def test_emoji_and_joined_letters_are_ordinary() -> None:
    for text in ("👩‍👩‍👧‍👦 ❤️ ☎️", "می‌خواهم", "plain"):
        assert reveal(text) is None
        assert not unread(text)


def test_lines_of_bytes_are_not_read_and_wrongly_decoded_text_is() -> None:
    code = "".join(chr((ord(sign) + 42) % 256) for sign in "Who keeps the lighthouse of the harbour?")
    assert unread(f"Read this:\n{code}") == [(11, 11 + len(code))]
    assert not unread(
        "It\xe2\x80\x99s the keeper\xe2\x80\x99s own doing, isn\xe2\x80\x99t it, and nobody else\xe2\x80\x99s"
    )


def test_a_table_of_a_code_is_ordinary_and_its_controls_in_disorder_are_not() -> None:
    controls = "".join(map(chr, range(0x80, 0xA0)))
    assert not unread(f'"chars": "{controls}"')
    assert unread(f'"chars": "{controls[::2]}{controls[::-3]}{controls[::5]}"')
