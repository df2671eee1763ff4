"""Settings of how prompts, answers, pictures and documents are read."""

from pydantic import Field

from lethe.classifier.encoders.files import DEFAULT_ENCODER
from lethe.classifier.settings import ClassifierSettings
from lethe.server.settings.section import Section, UserPath


class ScoreSampleSettings(Section):
    """A sample of requests' scores without their texts, for `lethe classifier calibrate`; see docs/training-classifiers.md.

    Attributes
    ----------
    folder
        Where it is kept; without one there is none.
    share
        Share of the requests that are in it.
    keep
        How many requests it holds at most; the oldest go, half of it at a time.
    """

    folder: UserPath | None = Field(default=None, examples=["./scores"])
    share: float = Field(default=0.1, gt=0, le=1)
    keep: int = Field(default=200_000, ge=2)


class ClassifierSection(ClassifierSettings):
    """How prompts are classified.

    Attributes
    ----------
    encoder
        Folder or hub id of the sentence encoder.
    spans
        Looked for only where a corruption in force falls on them alone; without, it falls on the whole prompt.
    """

    encoder: str = DEFAULT_ENCODER
    score_sample: ScoreSampleSettings = ScoreSampleSettings()


class MediaSettings(Section):
    """What is read of pictures and documents, where ``policy.parts`` says so; more makes them unreadable.

    Attributes
    ----------
    max_bytes
        Of one.
    max_pixels
        Of a picture.
    max_pages
        Of a PDF.
    max_characters
        Of a document.
    """

    max_bytes: int = Field(default=8 << 20, ge=1024)
    max_pixels: int = Field(default=12_000_000, ge=1)
    max_pages: int = Field(default=200, ge=1)
    max_characters: int = Field(default=500_000, ge=1)


class AnswerSettings(Section):
    """How streams are judged on their way, where a target in force judges answers.

    What is passed on has been judged; what came since then waits for the next look.

    Attributes
    ----------
    first_tokens, tokens
        After how many tokens that wait there is a look: the first, and each further one.
    sentence_tokens
        After how many there is one already if a sentence ends there.
    wait_ms
        After how long there is one, however few wait.
    """

    first_tokens: int = Field(default=12, ge=1)
    tokens: int = Field(default=24, ge=1)
    sentence_tokens: int = Field(default=12, ge=1)
    wait_ms: int = Field(default=400, ge=1)
