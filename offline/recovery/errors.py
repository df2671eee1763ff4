"""What can be wrong with a chain."""

from lethe.bundle.errors import LetheError


class RecoveryError(LetheError):
    """A chain or a setting that cannot be used; the message says what is wrong and what would be right."""
