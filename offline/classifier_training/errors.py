"""What can be wrong with a training request."""

from lethe.bundle.errors import LetheError


class TrainingError(LetheError):
    """Training cannot go on; the message says what was wrong and what would be right."""
