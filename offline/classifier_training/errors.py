"""What can be wrong with a training request."""


class TrainingError(Exception):
    """Training cannot go on; the message says what was wrong and what would be right."""
