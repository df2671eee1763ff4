"""What can be wrong with a chain."""


class RecoveryError(Exception):
    """A chain or a setting that cannot be used; the message says what is wrong and what would be right."""
