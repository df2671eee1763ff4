"""Why a picture or a document gives no text."""


class Unread(Exception):
    """It cannot be read, or is too much; the message ends a sentence that begins with what it is."""
