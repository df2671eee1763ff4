"""From a prompt to its tokens, and from a corruption's strategy to the tokens that it falls on."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import tokenizers
from transformers import AutoTokenizer

from lethe.corruption.artifact import Corruption
from lethe.corruption.chat_template import ChatTemplate, ChatTemplateError
from lethe.corruption.positions import PromptTokenizer, TokenizedPrompt
from lethe.corruption.request import CorruptionRequest, PlacedCorruption, all_but_last, prompt_digest
from lethe.offline.data.files import read_text
from lethe.offline.language_models.interface import LanguageModelError, Prompt

Tokenizer = Any


class PromptEncoder:
    """Tokenizes prompts and answers apart, so that the border between them is exact in every backend."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        if not tokenizer.is_fast:
            raise LanguageModelError(
                f"{tokenizer.name_or_path} has no fast tokenizer, which token offsets need"
            )
        self.tokenizer = tokenizer
        self._prompts = _prompt_tokenizer(tokenizer)

    @classmethod
    def from_pretrained(cls, model: str, chat_template: Path | None = None) -> "PromptEncoder":
        """Load the tokenizer of a model folder or hub id.

        Parameters
        ----------
        chat_template
            File of a Jinja template in place of the model's own.

        Raises
        ------
        LanguageModelError
            There is no tokenizer, or the template is not valid.
        DataError
            There is no such file.
        """
        try:
            tokenizer = AutoTokenizer.from_pretrained(model, padding_side="left")
        except (OSError, ValueError) as error:
            raise LanguageModelError(f"{model} has no tokenizer that can be loaded: {error}") from None
        if chat_template is not None:
            tokenizer.chat_template = read_text(chat_template)
        try:
            return cls(tokenizer)
        except ChatTemplateError as error:
            raise LanguageModelError(f"{chat_template or model}: {error}") from None

    @property
    def chats(self) -> bool:
        """Whether the model has a chat template."""
        return bool(self.tokenizer.chat_template)

    @lru_cache(maxsize=16384)  # noqa: B019
    def encode(self, prompt: Prompt) -> TokenizedPrompt:
        """Tokenize one prompt, by the code that places corruptions in the proxy.

        Raises
        ------
        LanguageModelError
            The prompt is empty, or it is a chat and the model's chat template is missing or refuses it.
        """
        if not prompt.text:
            raise LanguageModelError("a prompt cannot be empty")
        if not prompt.chat:
            return self._prompts.text(prompt.text)
        if not self.chats:
            raise LanguageModelError(
                f"{self.tokenizer.name_or_path} has no chat template; ask it raw prompts instead (--raw), or name a file "
                "that holds one (--chat-template)"
            )
        try:
            return self._prompts.chat([{"role": "user", "content": prompt.text}])
        except ChatTemplateError as error:
            raise LanguageModelError(f"{self.tokenizer.name_or_path}: {error}") from None

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


def _prompt_tokenizer(tokenizer: Tokenizer) -> PromptTokenizer:
    # A copy, since transformers leaves padding and truncation of its last call set in its own.
    backend = tokenizers.Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    backend.no_padding()
    backend.no_truncation()
    source = tokenizer.chat_template
    return PromptTokenizer(backend, ChatTemplate(source, tokenizer.special_tokens_map) if source else None)


def corruption_request(
    prompt: TokenizedPrompt, corruption: Corruption, answer_token_ids: Sequence[int] = ()
) -> CorruptionRequest:
    """What an engine must be told to corrupt this prompt, as the proxy does, and leave the answer behind it alone.

    Parameters
    ----------
    answer_token_ids
        Answer tokens that stand in the same prefill, when an answer is scored.

    Raises
    ------
    LanguageModelError
        The positions follow a classifier's spans, which an offline job does not have.
    """
    if corruption.positions not in ("all_but_last", "user_content"):
        raise LanguageModelError(
            f"positions {corruption.positions!r} follow a classifier's spans: measure them through the proxy, "
            "or learn with 'all_but_last' or 'user_content'"
        )
    # The engine would count the answer as prompt, so where it ends has to be said.
    ranges = prompt.ranges(corruption.positions) or all_but_last(len(prompt.token_ids))
    token_ids = [*prompt.token_ids, *answer_token_ids]
    placed = PlacedCorruption(target="candidate", version="0", corruption=corruption, ranges=ranges)
    return CorruptionRequest((placed,), prompt_tokens=len(token_ids), prompt_digest=prompt_digest(token_ids))
