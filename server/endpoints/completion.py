"""``POST /v1/completions``."""

from collections.abc import Iterator
from typing import Annotated, Any

from fastapi.responses import Response
from pydantic import Field

from lethe.classifier.conversation import Conversation
from lethe.corruption.positions import PromptTokenizer, TokenizedPrompt
from lethe.server.endpoints.endpoint import GuardedBody, GuardedRequest, token_id_lists
from lethe.server.endpoints.field_kinds import Prompts
from lethe.server.endpoints.refusal import Choices, refuse_choices


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

    def refusal(self, model: str, text: str) -> Response:
        """See `GuardedRequest.refusal`."""
        prompt = self.body["prompt"]
        prompts = 1 if isinstance(prompt, str) or isinstance(prompt[0], int) else len(prompt)
        return refuse_choices(self, model, text, _CHOICES, prompts)


def _text(text: str) -> dict[str, Any]:
    return {"text": text}


def _texts(text: str) -> list[dict[str, Any]]:
    return [{"text": text}]


_CHOICES = Choices("cmpl-", "text_completion", "text_completion", _text, _texts)
