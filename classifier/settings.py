"""What an operator may choose about classifying."""

from dataclasses import dataclass
from pathlib import Path

from lethe.classifier.onnx_graph import Precision


@dataclass(frozen=True)
class ClassifierSettings:
    """Settings of the classifier; the defaults suit one core.

    Attributes
    ----------
    precision
        ``int8`` or ``float32``; see `lethe.classifier.encoder.Encoder.load`.
    workers
        Threads that classify. Each encodes one window at a time, on one core.
    first_tier
        Whether windows whose n-grams are clearly unrelated to every target are spared the encoder.
    spans
        Whether verdicts say which stretches carry them. Without, reading ends when every target is flagged.
    window_characters, window_overlap
        Length of a window and how much of it the next one shares, in characters.
    maximum_characters, maximum_windows
        How much of one conversation may be read, and how many of its windows not seen before may be
        encoded; past either the verdict is ``too_long``.
    maximum_readings
        Readings of one message (decoded, unspaced, ...); a message with more makes the verdict ``too_long``.
    queue_capacity
        Conversations that may wait; one more raises `ClassifierOverloaded`.
    deadline_seconds
        How long a conversation may take, waiting included; past it `ClassifierTimeout` is raised, or, where reading
        it takes longer than that without any waiting, the verdict is ``too_long``.
    cache_bytes
        Memory for scores of messages seen before; 0 turns the cache off.
    cache_folder
        Where encoder graphs are kept; None is ``$LETHE_CACHE_DIR/encoders`` or ``~/.cache/lethe/encoders``.
    """

    precision: Precision = "int8"
    workers: int = 1
    first_tier: bool = True
    spans: bool = True
    window_characters: int = 512
    window_overlap: int = 64
    maximum_characters: int = 1_000_000
    maximum_windows: int = 512
    maximum_readings: int = 32
    queue_capacity: int = 256
    deadline_seconds: float = 5.0
    cache_bytes: int = 64 << 20
    cache_folder: Path | None = None
