"""What can be wrong with a calibration."""

from lethe.bundle.errors import LetheError


class CalibrationError(LetheError):
    """The threshold stays where it is; the message says why, and what would be right."""
