"""What can be wrong with a bundle or a model folder."""


class BundleError(Exception):
    """A bundle or model folder that cannot be used; the message says what is wrong and what would be right."""
