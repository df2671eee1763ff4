"""What can be wrong with an adapter, a bank, or the training of one."""

from lethe.bundle.errors import LetheError


class AdapterError(LetheError):
    """Bad input, or training that cannot go on; the message says what is wrong and what would be right."""
