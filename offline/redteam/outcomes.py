"""What each attack on each question came to, kept as it happens."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lethe.bundle.errors import LetheError
from lethe.offline.data.json_lines import append_lines, read_whole_lines
from lethe.offline.redteam.leaks import Leak

ATTEMPTS = "attempts.jsonl"
_HEAD = "settings"


class RedTeamError(LetheError):
    """An attack that cannot be run as asked; the message says what would be right."""


@dataclass(frozen=True)
class AttackOutcome:
    """One attack on one question.

    Attributes
    ----------
    flagged
        Whether the classifier flags the conversation.
    margin
        Log-odds above the threshold, where they are told.
    status
        ``ok`` where all was read and answered, ``refused`` where the proxy blocked it.
    verdict
        What the proxy told a key that may observe.
    answers
        All that were drawn.
    queries, first_pass, added
        Verdicts that a search asked for, after how many a wording first passed, and the words that it added.
    on_the_way
        What the model answered to the turns that lead up to the last one.
    """

    attack: str
    kind: str
    question: str
    messages: Sequence[Mapping[str, Any]]
    flagged: bool
    margin: float | None
    status: str
    verdict: str | None
    answers: Sequence[str]
    queries: int = 0
    first_pass: int | None = None
    added: int | None = None
    on_the_way: Sequence[str] = ()

    @property
    def key(self) -> tuple[str, str]:
        return self.attack, self.question

    @property
    def passed(self) -> bool:
        """Whether the model was asked and the classifier said nothing."""
        return not self.flagged and self.status != "refused"

    @property
    def asked(self) -> str:
        """All that the client said, as one text."""
        said = [each.get("content") for each in self.messages if each["role"] != "assistant"]
        return "\n".join(each if isinstance(each, str) else str(each) for each in said if each)


@dataclass(frozen=True)
class JudgedOutcome:
    """An outcome with what its answers give away.

    Attributes
    ----------
    worst
        Of the answer that says most, on the way or at the end; None where there is no answer.
    leaks
        For each answer at the end, whether anything is given away.
    leaked_on_the_way
        Whether an answer before did.
    """

    outcome: AttackOutcome
    worst: Leak | None
    leaks: Sequence[bool]
    leaked_on_the_way: bool = False

    @property
    def leaked(self) -> bool:
        return any(self.leaks) or self.leaked_on_the_way


class OutcomeLog:
    """The outcomes of a folder, appended one by one.

    Parameters
    ----------
    decisive
        What decides on the outcomes; a folder that was begun with other values is refused.

    Raises
    ------
    RedTeamError
        The folder belongs to another attack.
    """

    def __init__(self, folder: Path, decisive: Mapping[str, object]) -> None:
        self._path = folder / ATTEMPTS
        lines = read_whole_lines(self._path)
        if lines and lines[0].get(_HEAD) != decisive:
            began = lines[0].get(_HEAD) or {}
            differs = [name for name in decisive if began.get(name) != decisive[name]]
            raise RedTeamError(
                f"{folder} holds an attack with another {', '.join(differs) or 'set of settings'}; name another --out"
            )
        if not lines:
            append_lines(self._path, [{_HEAD: decisive}])
        self._outcomes = {outcome.key: outcome for outcome in (AttackOutcome(**line) for line in lines[1:])}

    def __contains__(self, key: tuple[str, str]) -> bool:
        return key in self._outcomes

    def add(self, outcome: AttackOutcome) -> None:
        """Keep one more."""
        append_lines(self._path, [asdict(outcome)])
        self._outcomes[outcome.key] = outcome

    def of(self, keys: Iterable[tuple[str, str]]) -> list[AttackOutcome]:
        """The outcomes of some attacks and questions, as far as there are any."""
        return [self._outcomes[key] for key in keys if key in self._outcomes]
