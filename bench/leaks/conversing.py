"""A model in this process that is asked conversations, and remembers what it answered."""

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from transformers import AutoModelForCausalLM

from bench.leaks.asked import TOKENS, Asked
from lethe.corruption.artifact import Corruption
from lethe.corruption.positions import TokenizedPrompt
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
        Falls on what the user wrote, where a conversation is corrupted.
    """

    def __init__(self, model: LanguageModel, corruption: Corruption) -> None:
        self._model = model
        self._corruption = corruption

    @classmethod
    def recorded(cls, folder: Path, corruption: Corruption, cache: Path) -> "ConversingModel":
        """The model of a folder; what it answers is kept in the cache."""
        local = LocalModel(
            AutoModelForCausalLM.from_pretrained(folder, dtype="float32"),
            _Conversations.from_pretrained(str(folder)),
            folder.name,
        )
        record = cache / "bench" / "leaks" / f"{folder.name}-in-process.jsonl"
        return cls(RecordedModel(local, record, _CHUNK), corruption)

    def answers(self, asked: Sequence[Asked], corrupted: Sequence[bool]) -> list[str]:
        """The model's answers, without what they were begun with."""
        return self._model.generate(
            [
                Generation(
                    _prompt(each),
                    TOKENS,
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


def _prompt(asked: Asked) -> Prompt:
    messages, further = asked
    return Prompt(json.dumps([each for each in messages if each["role"] != "assistant" or not further]))
