"""Why a picture or a document gives no text."""

from lethe.bundle.errors import LetheError


class Unread(LetheError):
    """It cannot be read, or is too much; the message ends a sentence that begins with what it is."""
