"""From a prompt to its tokens, and from a corruption's strategy to the tokens that it falls on."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from transformers import AutoTokenizer

from lethe.corruption.artifact import Corruption
from lethe.corruption.request import CorruptionRequest, PlacedCorruption, Ranges, prompt_digest
from lethe.offline.language_models.interface import LanguageModelError, Prompt

Tokenizer = Any


@dataclass(frozen=True)
class EncodedPrompt:
    """A prompt's tokens.

    Attributes
    ----------
    token_ids : tuple of int
        What the model is given, chat template included.
    content : tuple of int
        Half-open range of the tokens that carry the user's own words.
    """

    token_ids: tuple[int, ...]
    content: tuple[int, int]


class PromptEncoder:
    """Tokenizes prompts and answers apart, so that the border between them is exact in every backend."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        if not tokenizer.is_fast:
            raise LanguageModelError(
                f"{tokenizer.name_or_path} has no fast tokenizer, which token offsets need"
            )
        self.tokenizer = tokenizer

    @classmethod
    def from_pretrained(cls, model: str) -> "PromptEncoder":
        """Load the tokenizer of a model folder or hub id."""
        try:
            return cls(AutoTokenizer.from_pretrained(model, padding_side="left"))
        except (OSError, ValueError) as error:
            raise LanguageModelError(f"{model} has no tokenizer that can be loaded: {error}") from None

    @lru_cache(maxsize=16384)  # noqa: B019
    def encode(self, prompt: Prompt) -> EncodedPrompt:
        """Tokenize one prompt.

        Raises
        ------
        LanguageModelError
            The prompt is empty, or it is a chat and the model has no chat template.
        """
        if not prompt.text:
            raise LanguageModelError("a prompt cannot be empty")
        rendered = self._render(prompt)
        encoding = self.tokenizer(rendered, add_special_tokens=not prompt.chat, return_offsets_mapping=True)
        start = rendered.rfind(prompt.text)
        end = start + len(prompt.text)
        inside = [
            index
            for index, (first, last) in enumerate(encoding["offset_mapping"])
            if first < end and last > start and last > first
        ]
        if start < 0 or not inside:
            raise LanguageModelError(
                f"the chat template does not keep the user's words as they are: {prompt.text[:80]!r}"
            )
        return EncodedPrompt(tuple(encoding["input_ids"]), (inside[0], inside[-1] + 1))

    def encode_answer(self, answer: str) -> list[int]:
        """Tokenize an answer that follows a prompt.

        Raises
        ------
        LanguageModelError
            The answer has no token.
        """
        token_ids = self.tokenizer(answer, add_special_tokens=False)["input_ids"]
        if not token_ids:
            raise LanguageModelError("an empty answer cannot be scored")
        return token_ids

    def encode_option(self, option: str) -> int:
        """The one token that an option of a choice is.

        Raises
        ------
        LanguageModelError
            It is more than one token.
        """
        token_ids = self.encode_answer(option)
        if len(token_ids) != 1:
            raise LanguageModelError(
                f"the option {option!r} is {len(token_ids)} tokens of this model; choose by single tokens, such as letters"
            )
        return token_ids[0]

    def _render(self, prompt: Prompt) -> str:
        if not prompt.chat:
            return prompt.text
        if not self.tokenizer.chat_template:
            raise LanguageModelError(
                f"{self.tokenizer.name_or_path} has no chat template; ask it raw prompts instead"
            )
        messages = [{"role": "user", "content": prompt.text}]
        return self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)


def selected_ranges(encoded: EncodedPrompt, corruption: Corruption) -> Ranges:
    """Token ranges of a prompt that a corruption falls on.

    Raises
    ------
    LanguageModelError
        The strategy needs a classifier's spans, which an offline job does not have.
    """
    last = len(encoded.token_ids) - 1
    if corruption.positions == "all_but_last":
        return ((0, last),) if last > 0 else ()
    if corruption.positions == "user_content":
        start, end = encoded.content
        return ((start, min(end, last)),) if start < last else ()
    raise LanguageModelError(
        f"positions {corruption.positions!r} follow a classifier's spans: measure them through the proxy, "
        "or learn with 'all_but_last' or 'user_content'"
    )


def corruption_request(
    encoded: EncodedPrompt, corruption: Corruption, answer_token_ids: list[int] | None = None
) -> CorruptionRequest | None:
    """What an engine must be told to corrupt this prompt and leave the answer behind it alone.

    Parameters
    ----------
    encoded : EncodedPrompt
    corruption : Corruption
    answer_token_ids : list of int, optional
        Answer tokens that stand in the same prefill, when an answer is scored.

    Returns
    -------
    CorruptionRequest or None
        None when no token is selected.
    """
    ranges = selected_ranges(encoded, corruption)
    if not ranges:
        return None
    token_ids = [*encoded.token_ids, *(answer_token_ids or ())]
    placed = PlacedCorruption(target="candidate", version="0", corruption=corruption, ranges=ranges)
    return CorruptionRequest((placed,), prompt_tokens=len(token_ids), prompt_digest=prompt_digest(token_ids))
