"""What can be wrong with what a search is asked for."""

from lethe.bundle.errors import LetheError


class LearningError(LetheError, ValueError):
    """A search that cannot be made; the message says what is wrong and what would be right."""
