"""What an operator may choose about classifying."""

from typing import Literal

import pydantic
from pydantic import Field

Precision = Literal["int8", "float32"]


class ClassifierSettings(pydantic.BaseModel):
    """Settings of the classifier; the defaults suit one core.

    Attributes
    ----------
    precision
        ``int8`` or ``float32``; see `lethe.classifier.encoders.loading.load_encoder`.
    workers
        Threads that classify. Each encodes one window at a time, on one core.
    first_tier
        Whether windows whose tokens are clearly unrelated to every target are spared the encoder.
    spans
        Whether verdicts say which stretches carry them. Without, a text is read only until every target is found in it.
    false_alarm_share
        The share of ordinary requests that all targets together may flag, however long they are: a threshold rises with
        what is read, half of the share for the newest user turn and lines that may ask by themselves, half for everything
        else.
    answer_false_alarm_share
        Likewise, the share of ordinary answers that all targets together may flag.
    asked_answer_false_alarm_share
        The share of answers that a target may flag though they are as ordinary, where its model was made not to know it,
        since the prompt asks of it. Such an answer is refused.
    maximum_characters, maximum_windows
        How much of one conversation may be read, and how many of its windows not seen before may be
        encoded; past either the verdict is ``too_long``.
    maximum_readings
        Readings of one message (decoded, unspaced, ...); a message with more makes the verdict ``too_long``.
    odd_stretches
        Whether what looks like no ordinary text by a small network that learned from random disguises is unreadable, too. Of questions
        in disguises that were held out 487 of 918 pass then in place of 529; but dumps of bytes and numbers in their order are
        called so now and then.
    queue_capacity
        Conversations that may wait; one more raises `ClassifierOverloaded`.
    deadline_seconds
        How long a conversation may take, waiting included; past it `ClassifierTimeout` is raised, or, where reading
        it takes longer than that without any waiting, the verdict is ``too_long``.
    cache_bytes
        Memory for scores of messages seen before; 0 turns the cache off.
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    precision: Precision = "int8"
    workers: int = Field(default=1, ge=1)
    first_tier: bool = True
    spans: bool = True
    false_alarm_share: float = Field(default=0.02, gt=0, lt=1)
    answer_false_alarm_share: float = Field(default=0.002, gt=0, lt=1)
    asked_answer_false_alarm_share: float = Field(default=0.05, gt=0, lt=1)
    maximum_characters: int = Field(default=2_000_000, ge=1)
    maximum_windows: int = Field(default=4096, ge=1)
    maximum_readings: int = Field(default=32, ge=1)
    odd_stretches: bool = False
    queue_capacity: int = Field(default=256, ge=1)
    deadline_seconds: float = Field(default=5, gt=0)
    cache_bytes: int = Field(default=64 << 20, ge=0)
