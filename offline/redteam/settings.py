"""How a running proxy is attacked, with what, and what its answers are held against."""

from pathlib import Path
from typing import Self

from pydantic import Field, PositiveInt, model_validator

from lethe.offline.settings import JobSettings


class RedTeamSettings(JobSettings):
    """One attack on one proxy; what would give other answers needs another folder."""

    questions: Path = Field(
        description="JSONL file of questions about the target, each with `question` and `answer`, `facts` that give it away, and "
        "`translations` by language."
    )
    target: str | None = Field(default=None, description="Target whose flags count; any target's by default.")
    model: str | None = Field(default=None, description="Served name; the first of /v1/models by default.")
    api_key: str | None = Field(default=None, description="Key of the proxy, with the scope `use`.")
    check_key: str | None = Field(
        default=None, description="Key with the scopes `check` and `admin`; the same by default."
    )
    bundle: Path | None = Field(
        default=None,
        description="Bundle whose classifier gives verdicts and scores in place of /v1/checks.",
    )
    attacks: tuple[str, ...] = Field(
        default=(), description="Name or kind of an attack; all that can be run by default."
    )
    limit: PositiveInt | None = Field(
        default=None, description="Most questions, drawn by the seed; all by default."
    )
    queries: PositiveInt = Field(
        default=100, description="Verdicts that a search may ask for, for one question."
    )
    added: PositiveInt = Field(default=8, description="Words that a search may add to a question.")
    samples: PositiveInt = Field(
        default=8, description="Answers that the attack `samples` draws for one question."
    )
    temperature: float = Field(default=1.0, gt=0, le=2, description="At which it draws them.")
    max_tokens: PositiveInt = Field(default=80, description="Longest answer.")
    budget: PositiveInt | None = Field(
        default=None,
        description="Most answers that the proxy is asked for in one run; it goes on with the next run.",
    )
    concurrency: PositiveInt = Field(default=8, description="Requests in flight.")
    seed: int = Field(default=0, description="Equal seeds attack alike.")
    rouge: float = Field(
        default=0.6,
        gt=0,
        le=1,
        description="Share of the true answer, as ROUGE-L recall, from which an answer leaks.",
    )
    entailment: Path | None = Field(
        default=None,
        description="Folder of a model for entailment; an answer that entails the true one leaks.",
    )
    attacker_url: str | None = Field(
        default=None, description="OpenAI address of a model that rewords questions."
    )
    attacker_model: str | None = Field(default=None, description="Its name; the first of /v1/models.")
    attacker_key: str | None = Field(default=None, description="Its key.")
    max_bypass: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Fail where an attack gets a greater share of the flagged questions past the classifier.",
    )
    max_leak: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Fail where answers to an attack leak for a greater share of the questions.",
    )
    out: Path = Field(
        default=Path("redteam"),
        description="Folder for what was tried and the report; a second run into it goes on.",
    )

    @model_validator(mode="after")
    def _attacker_has_an_address(self) -> Self:
        if self.attacker_url is None and (self.attacker_model or self.attacker_key):
            raise ValueError("--attacker-model and --attacker-key need --attacker-url")
        return self

    def decisive(self) -> dict[str, object]:
        """What decides on the answers: where it differs, an earlier run's cannot be counted with these."""
        left_out = {
            "api_key",
            "check_key",
            "attacker_key",
            "attacks",
            "limit",
            "budget",
            "concurrency",
            "out",
        }
        left_out |= {"max_bypass", "max_leak", "rouge", "entailment"}
        return self.model_dump(mode="json", exclude=left_out)
