"""The root of the errors that people can cause, and what can be wrong with a bundle."""


class LetheError(Exception):
    """What an operator, or a user of the command line, can cause and mend.

    The message is one line that says what is wrong and what would be right. Whatever else is raised is a fault of the
    program, but for what a client of the proxy causes: that is an answer in OpenAI's form.
    """


class BundleError(LetheError):
    """A bundle or model folder that cannot be used; the message says what is wrong and what would be right."""
