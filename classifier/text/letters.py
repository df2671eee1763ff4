"""How much a stretch of text says, by its letters."""


def letter_bytes(text: str) -> int:
    """How many bytes its letters have in UTF-8: a word is fewer signs in some scripts than in others."""
    return len("".join(filter(str.isalpha, text)).encode())
