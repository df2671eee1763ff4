"""What a reader of a disguise is."""

from collections.abc import Callable
from dataclasses import dataclass

from lethe.classifier.disguises.scan import Scan
from lethe.classifier.text.aligned_text import AlignedText


@dataclass(frozen=True)
class Reader:
    """Takes off one kind of disguise.

    Attributes
    ----------
    name
        What the reading is called.
    may_read
        Whether a text may have any of it; where this says no, `read` is not to be asked.
    read
        The text with the disguise taken off; None where it shows no sign of it.
    """

    name: str
    may_read: Callable[[Scan], bool]
    read: Callable[[str], AlignedText | None]

    def of(self, scan: Scan) -> AlignedText | None:
        """The reading of a text."""
        return self.read(scan.text) if self.may_read(scan) else None


def always(scan: Scan) -> bool:
    """For a reader that finds out as quickly by itself."""
    return True
