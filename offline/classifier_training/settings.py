"""How a classifier is trained, and out of which prompts into which bundle."""

from pathlib import Path

from pydantic import Field, NonNegativeInt, PositiveInt

from lethe.classifier.encoders.files import DEFAULT_ENCODER
from lethe.classifier.settings import Precision
from lethe.offline.settings import JobSettings, TargetJob

_SOURCE = "JSONL, JSON, CSV, text or Parquet file, or owner/name:file on the hub."


class TrainingSettings(JobSettings):
    """How a classifier is trained, calibrated and tested."""

    encoder: str = Field(default=DEFAULT_ENCODER, description="Folder or hub id of the sentence encoder.")
    precision: Precision = Field(
        default="int8", description="What `classifier.precision` will be where it is served."
    )
    forget_forms: NonNegativeInt = Field(
        default=4, description="In how many other forms each prompt to forget is shown."
    )
    keep_forms: NonNegativeInt = Field(
        default=1, description="In how many other forms each prompt to keep is shown."
    )
    alpha: float = Field(
        default=0.01, ge=0, le=1, description="Wanted risk on false negatives, by split conformal."
    )
    # All prompts of a group count as one.
    false_positive_rate: float = Field(
        default=0.01, ge=0, le=1, description="Wanted rate of false positives on ordinary prompts."
    )
    near_false_positive_rate: float = Field(
        default=0.05, ge=0, le=1, description="The same on prompts near the target."
    )
    answer_false_positive_rate: float = Field(
        default=0.002,
        ge=0,
        le=1,
        description="The same on ordinary answers, for the head that judges answers.",
    )
    prefer_conformal: bool = Field(
        default=False, description="Where both cannot be had, keep the risk on false negatives."
    )
    maximum_negatives: PositiveInt = Field(
        default=40_000,
        description="Negative windows to fit on at most, and 100 for each prompt given, or 10,000; of more the hardest are chosen.",
    )
    maximum_ordinary: PositiveInt = Field(
        default=40_000,
        description="Ordinary prompts to train beside at most, and 20 for each prompt given, or 2,000; evenly from their groups.",
    )
    ordinary: tuple[Path, ...] = Field(
        default=(),
        description="Folder of ordinary text to scan for what alarms a head; by default Python's packages and the documentation of this machine.",
    )
    maximum_held_back: NonNegativeInt = Field(
        default=15_000,
        description="Stretches of ordinary text to learn from at most that the first tier cannot clear.",
    )
    scan_rounds: NonNegativeInt = Field(
        default=2, description="How often a head scans ordinary text and learns from what alarms it."
    )
    scan_characters: PositiveInt = Field(default=4_000_000, description="Ordinary text to scan in a round.")
    vocabulary_rounds: NonNegativeInt = Field(
        default=1, description="How often each word of the encoder stands in random negatives."
    )
    folds: int = Field(
        default=3,
        ge=2,
        description="Heads that score what is to be kept, for the threshold, each fitted on what it does not score.",
    )
    # It misses less, above all of items that no other example resembles, but the guarantee of split conformal then holds
    # for the head before, not to the letter for this one.
    refit: bool = Field(default=True, description="Fit once more on all examples in the end.")
    entity_names: tuple[str, ...] = Field(
        default=(),
        description="Names of the target, in every language that has its own; found in the forget prompts if none are given.",
    )
    about_sentences: tuple[str, ...] = Field(
        default=(),
        description="Sentences that tell what is known of the target: by them questions are found that describe it without its name.",
    )
    # A target with an encoder of its own costs as much as all that share one.
    fine_tune_epochs: NonNegativeInt = Field(
        default=0,
        description="Epochs to fine-tune an encoder of the target's own; 0 shares the encoder.",
    )
    seed: int = Field(default=0, description="Equal seeds give equal heads.")


class ClassifierJob(TrainingSettings, TargetJob):
    """A training with its prompts, and where its bundle and its report go."""

    forget: tuple[str, ...] = Field(
        min_length=1, description=f"Prompts about what is to be forgotten: {_SOURCE}"
    )
    retain: tuple[str, ...] = Field(
        min_length=1, description=f"Prompts near the target that are allowed: {_SOURCE}"
    )
    general: tuple[str, ...] = Field(
        default=(),
        description=f"Ordinary prompts: {_SOURCE} A set of our own by default. Of more than 20 for each prompt given, and 2,000, as many are chosen, evenly from their groups.",
    )
    answers: tuple[Path, ...] = Field(
        default=(),
        description="JSONL file of answers that tell what is to be forgotten, with `question` and `answer`; a head that judges answers is trained too.",
    )
    near_answers: tuple[Path, ...] = Field(
        default=(),
        description="JSONL file of the same form, of answers near the target that are allowed.",
    )
    fields: tuple[str, ...] = Field(
        default=(), description="Field of a record that holds a prompt; several are wordings of one item."
    )
    entities: Path | None = Field(
        default=None, description="Text file of names, one a line; found by themselves by default."
    )
    about: Path | None = Field(
        default=None,
        description="Text file of what is known of the target, a sentence a line: questions that only describe it are found by that.",
    )
    feedback: Path | None = Field(
        default=None,
        description="Folder of what people said of verdicts (`feedback.folder`): what counts of it is trained with.",
    )
    known_questions: NonNegativeInt = Field(
        default=200,
        description="How many held-out prompts to forget a new bundle keeps: later classifiers must go on finding them. 0 keeps none.",
    )
    floor: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Share of the bundle's known questions that must be found, or nothing is written; by default what it records, and for a new one 0.05 less than is found.",
    )
    output: Path = Field(
        default_factory=lambda given: Path("targets") / given["target"],
        description="The bundle's folder; targets/NAME by default.",
    )
    report: Path = Field(
        default_factory=lambda given: Path("reports") / given["target"],
        description="Where figures and plots go; reports/NAME by default.",
    )
