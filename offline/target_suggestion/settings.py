"""What drafts of a target's data are made from."""

from pathlib import Path

from pydantic import Field, PositiveInt

from lethe.offline.settings import JobSettings
from lethe.offline.target_suggestion.templates import TargetKind


class SuggestionSettings(JobSettings):
    """Names, description and documents of a target, and by choice a model that is asked."""

    kind: TargetKind = Field(default="subject", description="What sort of thing is to be forgotten.")
    names: tuple[str, ...] = Field(
        default=(), description="What it is called; those of names.txt if none are given."
    )
    description: str = Field(
        default="",
        description="It in a few words that do not name it, such as 'the booking system for ferries'.",
    )
    documents: tuple[Path, ...] = Field(
        default=(), description="Text file about it, whose sentences are asked about."
    )
    model_url: str | None = Field(
        default=None,
        description="Address of an OpenAI-compatible server to ask for prompts too; it is told what is to be forgotten.",
    )
    served_name: str | None = Field(default=None, description="The model's name there.")
    api_key: str | None = Field(default=None, repr=False, description="The key for it.")
    count: PositiveInt = Field(default=40, description="How many prompts of each side a model is asked for.")
