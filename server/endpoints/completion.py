"""``POST /v1/completions``."""

import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

from fastapi.responses import Response
from pydantic import Field

from lethe.classifier.conversation import Conversation
from lethe.corruption.positions import PromptTokenizer, TokenizedPrompt
from lethe.server.endpoints.choice_form import ChoiceForm
from lethe.server.endpoints.endpoint import GuardedBody, GuardedRequest, Opening, token_id_lists
from lethe.server.endpoints.field_kinds import Prompts
from lethe.server.endpoints.refusal import (
    Choices,
    number_of_choices,
    refuse_choices,
    streams_with,
    with_usage_throughout,
)

# The sentence that a prompt leaves unfinished, or the end of it.
_UNFINISHED = re.compile(r"[^.!?。！？\n]{1,300}\Z")


def _text(text: str) -> dict[str, Any]:
    return {"text": text}


def _texts(text: str) -> list[dict[str, Any]]:
    return [{"text": text}]


_CHOICES = Choices("cmpl-", "text_completion", "text_completion", _text, _texts)


class CompletionBody(GuardedBody):
    """The guarded part of a plain completion request."""

    prompt: Annotated[
        Prompts, Field(description="A prompt or several, as texts or as token ids; each is judged.")
    ]
    suffix: Annotated[str | None, Field(description="What follows the answer; judged.")] = None


class CompletionRequest(GuardedRequest):
    """A request for what follows a prompt, or each of several."""

    path = "/v1/completions"
    description = "What follows a prompt; guarded."
    operation = "text_completion"
    Body = CompletionBody
    answer_form = ChoiceForm(_CHOICES, _text)

    def token_id_prompts(self) -> list[list[int]]:
        """See `GuardedRequest.token_id_prompts`."""
        return token_id_lists(self.body["prompt"])

    def conversations(self, decoded_prompts: list[str]) -> Iterator[Conversation]:
        """One conversation for each prompt."""
        prompt = self.body["prompt"]
        texts = decoded_prompts or ([prompt] if isinstance(prompt, str) else prompt)
        suffix = self.body.get("suffix") or ""
        for text in texts:
            yield Conversation.from_prompt(text + suffix)

    def tokenized(self, tokenizer: PromptTokenizer) -> TokenizedPrompt | None:
        """See `GuardedRequest.tokenized`."""
        prompt = self.body["prompt"]
        return tokenizer.text(prompt) if isinstance(prompt, str) else None

    @property
    def choices(self) -> int:
        """See `GuardedRequest.choices`."""
        return number_of_choices(self, self._prompts)

    def openings(self, conversations: Sequence[Conversation]) -> list[Opening]:
        """See `GuardedRequest.openings`: an answer goes on with the sentence that its prompt leaves unfinished."""
        suffix = self.body.get("suffix") or ""
        return [self._opening(each, suffix) for each in conversations]

    def for_judging(self, body: dict[str, Any]) -> dict[str, Any]:
        """See `GuardedRequest.for_judging`."""
        return with_usage_throughout(body) if self.wants_usage else body

    @property
    def wants_usage(self) -> bool:
        """See `GuardedRequest.wants_usage`."""
        return streams_with(self, "include_usage")

    @property
    def wants_usage_throughout(self) -> bool:
        """See `GuardedRequest.wants_usage_throughout`."""
        return self.wants_usage and streams_with(self, "continuous_usage_stats")

    def refusal(self, model: str, text: str) -> Response:
        """See `GuardedRequest.refusal`."""
        return refuse_choices(self, model, text, _CHOICES, self._prompts)

    def _opening(self, conversation: Conversation, suffix: str) -> Opening:
        prompt = conversation.messages[0].text.removesuffix(suffix)
        return Opening(
            conversation,
            "" if suffix else _unfinished(prompt),
            echoed=prompt if self.body.get("echo") else "",
            # The engine leaves the text out where it gives the ids.
            echoes_text=not self.body.get("return_token_ids"),
        )

    @property
    def _prompts(self) -> int:
        prompt = self.body["prompt"]
        return 1 if isinstance(prompt, str) or isinstance(prompt[0], int) else len(prompt)


def _unfinished(prompt: str) -> str:
    found = _UNFINISHED.search(prompt[-300:])
    return found[0] if found else ""
