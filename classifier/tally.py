"""What classifying took, counted over all classifiers that are ever in force. Safe to share between threads."""

import threading


class Tally:
    """Counts windows by what became of them.

    Attributes
    ----------
    cleared
        Those that the first tier cleared.
    encoded
        Those that the encoder read.
    """

    def __init__(self) -> None:
        self.cleared = 0
        self.encoded = 0
        self._lock = threading.Lock()

    def count(self, *, cleared: int = 0, encoded: int = 0) -> None:
        """Add to what was counted."""
        with self._lock:
            self.cleared += cleared
            self.encoded += encoded
