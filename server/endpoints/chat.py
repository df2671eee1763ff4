"""``POST /v1/chat/completions``."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Annotated, Any

from fastapi.responses import Response
from pydantic import Field

from lethe.classifier.conversation import Conversation
from lethe.classifier.errors import NotText
from lethe.corruption.positions import PromptTokenizer, TokenizedPrompt
from lethe.server.endpoints.choice_form import ChoiceForm
from lethe.server.endpoints.endpoint import GuardedBody, GuardedRequest, Opening, continued
from lethe.server.endpoints.field_kinds import Objects, TextOrObject
from lethe.server.endpoints.messages import ChatMessage, check_messages, leftovers
from lethe.server.endpoints.refusal import (
    Choices,
    number_of_choices,
    refuse_choices,
    streams_with,
    with_usage_throughout,
)
from lethe.server.endpoints.template_messages import as_templates_get_it

# A template may print any of these into the prompt.
_TEMPLATE_ARGUMENTS = ("chat_template_kwargs", "tool_choice", "response_format")
_TEMPLATE_SWITCHES = ("add_generation_prompt", "continue_final_message", "documents")


class ChatBody(GuardedBody):
    """The guarded part of a chat completion request."""

    messages: Annotated[
        list[ChatMessage],
        Field(min_length=1, fail_fast=True, description="The conversation; all of it is judged."),
    ]
    tools: Annotated[Objects | None, Field(description="What the model may call; judged.")] = None
    tool_choice: Annotated[TextOrObject | None, Field(description="Which of them it is to call; judged.")] = (
        None
    )
    documents: Annotated[
        Objects | None, Field(description="What the chat template shows besides; judged.")
    ] = None
    chat_template_kwargs: Annotated[
        dict[str, Any] | None, Field(description="What the chat template is told; judged.")
    ] = None


def _message(text: str) -> dict[str, Any]:
    return {"message": {"role": "assistant", "content": text}}


def _deltas(text: str) -> list[dict[str, Any]]:
    return [{"delta": {"role": "assistant", "content": text}}, {"delta": {}}]


def _delta(text: str) -> dict[str, Any]:
    return {"delta": {"content": text}}


_CHOICES = Choices("chatcmpl-", "chat.completion", "chat.completion.chunk", _message, _deltas)


class ChatRequest(GuardedRequest):
    """A request for an answer to a conversation."""

    path = "/v1/chat/completions"
    description = "An answer to a conversation; guarded."
    operation = "chat"
    Body = ChatBody
    answer_form = ChoiceForm(_CHOICES, _delta)

    def check(self) -> None:
        """See `EngineRequest.check`."""
        check_messages(self.body["messages"], "messages")

    def conversations(self, decoded_prompts: list[str]) -> Iterator[Conversation]:
        """The one conversation of the request."""
        messages = self.body["messages"]
        fields = [value for name in _TEMPLATE_ARGUMENTS if (value := self.body.get(name))]
        yield Conversation.from_openai_messages(
            messages, self.body.get("tools"), self.body.get("documents"), fields + leftovers(messages)
        )

    @property
    def choices(self) -> int:
        """See `GuardedRequest.choices`."""
        return number_of_choices(self, 1)

    def openings(self, conversations: Sequence[Conversation]) -> list[Opening]:
        """See `GuardedRequest.openings`: an assistant's last message is the beginning of the answer."""
        messages = self.body["messages"]
        echoed = self._echoed(messages[-1])
        if messages[-1]["role"] != "assistant":
            return [Opening(each, echoed=echoed) for each in conversations]
        return [replace(continued(each, len(messages) - 1), echoed=echoed) for each in conversations]

    def _echoed(self, last: dict[str, Any]) -> str:
        """What the engine puts before an answer of the same role as the last message."""
        answering = last["role"] if self.body.get("add_generation_prompt") is False else "assistant"
        content = last.get("content")
        return (
            content
            if self.body.get("echo") and last["role"] == answering and isinstance(content, str)
            else ""
        )

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

    def tokenized(self, tokenizer: PromptTokenizer) -> TokenizedPrompt | None:
        """See `GuardedRequest.tokenized`."""
        try:
            messages = list(map(as_templates_get_it, self.body["messages"]))
        except NotText:
            return None
        arguments = dict(self.body.get("chat_template_kwargs") or {})
        for name in _TEMPLATE_SWITCHES:
            if self.body.get(name) is not None:
                arguments[name] = self.body[name]
        return tokenizer.chat(messages, self.body.get("tools"), **arguments)

    def refusal(self, model: str, text: str) -> Response:
        """See `GuardedRequest.refusal`."""
        return refuse_choices(self, model, text, _CHOICES)
