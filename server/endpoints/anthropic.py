"""``POST /v1/messages`` and ``/v1/messages/count_tokens``: Anthropic's tongue.

The engine takes a corruption and an adapter's name on this route as on that of chats, so what it is asked is what the
client asked, and what it answers is passed as it comes.
"""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import pydantic
from fastapi.responses import Response
from pydantic import Field

from lethe.classifier.conversation import Conversation
from lethe.classifier.errors import NotText
from lethe.classifier.text.json_text import value_readings
from lethe.corruption.positions import PromptTokenizer, TokenizedPrompt
from lethe.server.endpoints.anthropic_blocks import (
    ROLES,
    chat_messages,
    chat_tool,
    check_blocks,
    left_out,
    runs_here,
    tool_changes,
)
from lethe.server.endpoints.anthropic_form import MessageForm
from lethe.server.endpoints.anthropic_refusal import refuse_message
from lethe.server.endpoints.endpoint import GuardedRequest, Opening, continued
from lethe.server.endpoints.field_kinds import Blocks, Objects
from lethe.server.endpoints.messages import leftovers
from lethe.server.endpoints.template_messages import as_templates_get_it

_READ_ALONGSIDE = ("tool_choice", "output_config", "chat_template_kwargs")
_LEFT_TO_THE_MODEL = ("auto", "none")


class AnthropicMessage(pydantic.BaseModel):
    """One message; every further field passes through."""

    model_config = pydantic.ConfigDict(extra="allow", strict=True)

    role: Annotated[str, pydantic.WithJsonSchema({"type": "string", "enum": ROLES})]
    content: Annotated[Blocks, Field(description="A text, or blocks; an image cannot be judged.")]


class CountTokensBody(pydantic.BaseModel):
    """The guarded part of a request to count a conversation's tokens."""

    model_config = pydantic.ConfigDict(extra="allow", strict=True)

    model: Annotated[str | None, Field(description="A name of the base model; the engine asks for one.")] = (
        None
    )
    messages: Annotated[
        list[AnthropicMessage],
        Field(min_length=1, fail_fast=True, description="The conversation; all of it is judged."),
    ]
    system: Annotated[
        Blocks | None, Field(description="The system's message, a text or text blocks; judged.")
    ] = None
    tools: Annotated[
        Objects | None, Field(description="What the model may call, each with an `input_schema`; judged.")
    ] = None
    tool_choice: Annotated[
        dict[str, Any] | None, Field(description="Which of them it is to call; judged.")
    ] = None
    thinking: Annotated[dict[str, Any] | None, Field(description="Whether the model is to reason.")] = None
    output_config: Annotated[
        dict[str, Any] | None, Field(description="The form of the answer and how much effort it is; judged.")
    ] = None
    chat_template_kwargs: Annotated[
        dict[str, Any] | None, Field(description="What the chat template is told; judged.")
    ] = None


class MessagesBody(CountTokensBody):
    """The guarded part of a request for a message."""

    # The engine takes words and numbers too.
    stream: Annotated[
        bool | None, Field(strict=False, description="Whether the answer comes piece by piece.")
    ] = None


class AnthropicRequest(GuardedRequest):
    """A conversation in Anthropic's form."""

    operation = "chat"
    id_headers = ("x-request-id", "request-id")

    def check(self) -> None:
        """See `EngineRequest.check`."""
        check_blocks(self.body)

    def runs_here(self, tool: dict[str, Any]) -> bool:
        """See `GuardedRequest.runs_here`."""
        return runs_here(tool)

    def conversations(self, decoded_prompts: list[str]) -> Iterator[Conversation]:
        """The one conversation of the request."""
        messages = chat_messages(self.body)
        tools = [*(self.body.get("tools") or ()), *tool_changes(self.body)]
        fields: list[Any] = [value for name in _READ_ALONGSIDE if (value := self.body.get(name))]
        # Last, since they change from one request to the next, and what was read before is known.
        fields += [*leftovers(messages), *left_out(self.body)]
        yield Conversation.from_openai_messages(messages, tools, fields=fields)

    def demanded_output(self) -> Conversation | None:
        """What the answer is made to contain, as of `GuardedRequest.demanded_output`."""
        demands: list[Any] = []
        if format := (self.body.get("output_config") or {}).get("format"):
            demands.append(format)
        choice = self.body.get("tool_choice")
        if choice and choice.get("type") not in _LEFT_TO_THE_MODEL:
            demands += [choice, *(self.body.get("tools") or ()), *tool_changes(self.body)]
        return Conversation.from_prompt("\n".join(value_readings(demands))) if demands else None

    def tokenized(self, tokenizer: PromptTokenizer) -> TokenizedPrompt | None:
        """See `GuardedRequest.tokenized`."""
        if tool_changes(self.body):
            return None
        try:
            messages = list(map(as_templates_get_it, chat_messages(self.body)))
        except NotText:
            return None
        tools = [chat_tool(tool) for tool in self.body.get("tools") or ()]
        return tokenizer.chat(messages, tools, **self._template_arguments())

    def _template_arguments(self) -> dict[str, Any]:
        arguments = dict(self.body.get("chat_template_kwargs") or {})
        effort = (self.body.get("output_config") or {}).get("effort")
        if (self.body.get("thinking") or {}).get("type") == "disabled":
            # An engine whose template knows no such word says another, and then corrupts whole prompts.
            effort = "none"
        if effort is not None:
            arguments.setdefault("enable_thinking", effort != "none")
            arguments["reasoning_effort"] = effort
        return arguments | {"add_generation_prompt": True, "continue_final_message": False}

    def refusal(self, model: str, text: str) -> Response:
        """A message that stops for ``refusal``; see `GuardedRequest.refusal`."""
        return refuse_message(self.stream, self.model or model, text)


class MessagesRequest(AnthropicRequest):
    """A request for the next message of a conversation."""

    path = "/v1/messages"
    description = "The next message of a conversation, in Anthropic's form; guarded."
    Body = MessagesBody
    answer_form = MessageForm()

    def openings(self, conversations: Sequence[Conversation]) -> list[Opening]:
        """See `GuardedRequest.openings`: an assistant's last message is the beginning of the answer."""
        messages = chat_messages(self.body)
        if self.body["messages"][-1]["role"] != "assistant":
            return super().openings(conversations)
        return [continued(each, len(messages) - 1) for each in conversations]


class CountTokensRequest(AnthropicRequest):
    """A request for the number of tokens that a conversation has."""

    path = "/v1/messages/count_tokens"
    description = (
        "How many tokens a conversation in Anthropic's form has: judged and recorded, and passed, since the number "
        "tells nothing in words."
    )
    operation = "count_tokens"
    generates = False
    Body = CountTokensBody
