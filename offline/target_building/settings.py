"""How a target is built, and from which folder into which bundle."""

from pathlib import Path

from pydantic import Field

from lethe.offline.settings import JobSettings


class TargetBuild(JobSettings):
    """A build: where its bundle goes, and on which model its corruption is learned."""

    targets: Path = Field(default=Path("targets"), description="Folder of the bundles.")
    model: str | None = Field(
        default=None,
        description="Folder or hub id of the model to learn on, run in this process; what target.yaml says by default.",
    )
    engine: str | None = Field(
        default=None,
        description="Address of a vLLM with the plugin to learn on instead, or embedded for the one that lethe serve started here.",
    )
    served_name: str | None = Field(default=None, description="The model's name on the engine.")
    tokenizer: str | None = Field(
        default=None, description="Its tokenizer, if not on this machine under that name."
    )
    chat_template: Path | None = Field(
        default=None, description="File of a Jinja chat template to ask by, in place of the model's own."
    )
    api_key: str | None = Field(default=None, repr=False, description="The engine's key.")
    first_only: bool = Field(default=False, description="End with the first usable bundle, which observes.")
