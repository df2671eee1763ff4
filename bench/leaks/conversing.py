"""A model in this process that is asked conversations, and remembers what it answered."""

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from transformers import AutoModelForCausalLM

from bench.leaks.asked import TOKENS, Asked
from bench.leaks.data import Fact, facts, other_facts
from bench.leaks.model import taught_model
from bench.reproduction.command import Say
from lethe.corruption.artifact import Corruption
from lethe.corruption.positions import TokenizedPrompt
from lethe.models.smollm2 import prepare_smollm2
from lethe.offline.language_models.encoding import PromptEncoder
from lethe.offline.language_models.interface import Generation, LanguageModel, Prompt, Scoring
from lethe.offline.language_models.local import LocalModel
from lethe.offline.language_models.recorded import RecordedModel

_CHUNK = 24


class _Conversations(PromptEncoder):
    """Reads a prompt's text as the messages of a conversation, in JSON."""

    @lru_cache(maxsize=1024)  # noqa: B019
    def encode(self, prompt: Prompt) -> TokenizedPrompt:
        return self._prompts.chat(json.loads(prompt.text))


class ConversingModel:
    """A model that is asked conversations.

    Parameters
    ----------
    model
        Reads a prompt's text as the messages of a conversation, in JSON.
    corruption
        Falls on what the user wrote, where a conversation is corrupted; None where none is.
    tokens
        Length of an answer at most.
    """

    def __init__(self, model: LanguageModel, corruption: Corruption | None, tokens: int) -> None:
        self._model = model
        self._corruption = corruption
        self._tokens = tokens

    @classmethod
    def recorded(
        cls, folder: Path, corruption: Corruption | None, cache: Path, tokens: int = TOKENS
    ) -> "ConversingModel":
        """The model of a folder; what it answers is kept in the cache."""
        local = LocalModel(
            AutoModelForCausalLM.from_pretrained(folder, dtype="float32"),
            _Conversations.from_pretrained(str(folder)),
            folder.name,
        )
        record = cache / "bench" / "leaks" / f"{folder.name}-in-process.jsonl"
        return cls(RecordedModel(local, record, _CHUNK), corruption, tokens)

    def answers(self, asked: Sequence[Asked], corrupted: Sequence[bool]) -> list[str]:
        """The model's answers, without what they were begun with."""
        return self._model.generate(
            [
                Generation(
                    _prompt(each),
                    self._tokens,
                    self._corruption if flagged else None,
                    each[0][-1]["content"] if each[1] else "",
                )
                for each, flagged in zip(asked, corrupted, strict=True)
            ]
        )

    def log_likelihoods(
        self, asked: Sequence[Asked], answers: Sequence[str], *, corrupted: bool
    ) -> list[float]:
        """How likely answers are to conversations that nothing was begun in, each as the sum over its tokens."""
        corruption = self._corruption if corrupted else None
        found = self._model.score(
            [Scoring(_prompt(each), answer, corruption) for each, answer in zip(asked, answers, strict=True)]
        )
        return [float(each.sum()) for each in found]


def untaught(known: Sequence[Fact], cache: Path, say: Say) -> list[ConversingModel]:
    """Models that were not taught some facts: the small one as it is, and the same after it was taught others just so.

    What they say to a question is no leak of a model that was taught the facts.
    """
    folders = [prepare_smollm2(cache)]
    for others, name in ((facts(), "taught"), (other_facts(), "taught-others")):
        if not set(others) & set(known):
            folders.append(taught_model(others, cache, say, name))
    return [ConversingModel.recorded(folder, None, cache) for folder in folders]


def told_by(
    models: Sequence[ConversingModel], known: Sequence[Fact], asked: Sequence[Asked], where: Sequence[bool]
) -> list[bool]:
    """Which facts any of some models tells, of those that are asked for where it is true."""
    places = [place for place, chosen in enumerate(where) if chosen]
    told: set[int] = set()
    for model in models:
        answers = model.answers([asked[place] for place in places], [False] * len(places))
        told |= {
            place for place, answer in zip(places, answers, strict=True) if known[place].is_told_by(answer)
        }
    return [place in told for place in range(len(known))]


def _prompt(asked: Asked) -> Prompt:
    messages, further = asked
    return Prompt(json.dumps([each for each in messages if each["role"] != "assistant" or not further]))
