"""What can go wrong while classifying; each is one line that says what would be right."""

from lethe.bundle.errors import LetheError


class ClassifierError(LetheError):
    """The classifier cannot be built or cannot answer."""


class ClassifierOverloaded(ClassifierError):
    """The queue of waiting conversations is full."""


class ClassifierTimeout(ClassifierError):
    """The verdict was not ready by the deadline."""


class ClassifierClosed(ClassifierError):
    """The service was closed before it could answer."""


class NotText(ClassifierError):
    """A message's content has a part that is not text."""
