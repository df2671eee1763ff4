"""How much a stretch of text says, by its letters."""

_NO_LETTERS = bytes(point for point in range(128) if not chr(point).isalpha())


def letter_bytes(text: str) -> int:
    """How many bytes its letters have in UTF-8: a word is fewer signs in some scripts than in others."""
    if text.isascii():
        return len(text.encode().translate(None, _NO_LETTERS))
    return len("".join(filter(str.isalpha, text)).encode())
