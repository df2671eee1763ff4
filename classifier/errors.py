"""What can go wrong while classifying; each is one line that says what would be right."""


class ClassifierError(Exception):
    """The classifier cannot be built or cannot answer."""


class ClassifierOverloaded(ClassifierError):
    """The queue of waiting conversations is full."""


class ClassifierTimeout(ClassifierError):
    """The verdict was not ready by the deadline."""


class ClassifierClosed(ClassifierError):
    """The service was closed before it could answer."""
