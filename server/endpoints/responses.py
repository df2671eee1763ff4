"""``POST /v1/responses``: its input items as messages, and what of it this stateless proxy refuses."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Any

from fastapi.responses import Response
from pydantic import Field

from lethe.classifier.conversation import Conversation
from lethe.classifier.errors import NotText
from lethe.corruption.positions import PromptTokenizer, TokenizedPrompt
from lethe.server.endpoints.endpoint import (
    GuardedBody,
    GuardedRequest,
    Opening,
    continued,
    demanded,
    server_tool,
)
from lethe.server.endpoints.field_kinds import Items, Objects, TextOrObject
from lethe.server.endpoints.messages import check_message, leftovers
from lethe.server.endpoints.responses_form import ResponseForm
from lethe.server.endpoints.responses_refusal import refuse_response
from lethe.server.endpoints.template_messages import as_templates_get_it
from lethe.server.errors import BadRequest

_STATEFUL = ("previous_response_id", "previous_input_messages", "conversation", "prompt", "background")
_CLIENT_TOOLS = ("function", "custom")
_MAY_GO_ON, _UNFINISHED = ("message", "reasoning"), ("in_progress", "incomplete")
_READ_ALONGSIDE = ("tool_choice", "text", "reasoning", "chat_template_kwargs")


class ResponsesBody(GuardedBody):
    """The guarded part of a request for a response."""

    input: Annotated[
        Items,
        Field(description="A text, or all items of the conversation; judged."),
    ]
    instructions: Annotated[str | None, Field(description="The system's message; judged.")] = None
    tools: Annotated[
        Objects | None,
        Field(
            description="What the model may call, of type `function` or `custom`, or a `namespace` of such; judged."
        ),
    ] = None
    tool_choice: Annotated[TextOrObject | None, Field(description="Which of them it is to call; judged.")] = (
        None
    )
    text: Annotated[
        dict[str, Any] | None,
        Field(description="The form of the answer; what it makes the answer say is judged."),
    ] = None
    reasoning: Annotated[dict[str, Any] | None, Field(description="How the model is to reason; judged.")] = (
        None
    )
    chat_template_kwargs: Annotated[
        dict[str, Any] | None, Field(description="What the chat template is told; judged.")
    ] = None


class ResponsesRequest(GuardedRequest):
    """A request for a response, all of whose input comes along."""

    path = "/v1/responses"
    description = "An answer to a conversation in another form; guarded. Nothing of it is kept."
    operation = "chat"
    Body = ResponsesBody
    answer_form = ResponseForm()
    media_fields = ("input",)

    def check(self) -> None:
        """Refuse state on the server, tools that run there, and items that hide what they say.

        Raises
        ------
        BadRequest
            The request has one.
        """
        for field in _STATEFUL:
            if self.body.get(field):
                raise BadRequest(
                    f"{field} cannot be used here: no conversation is kept; send the whole input",
                    param=field,
                    code="unsupported_parameter",
                )
        for index, tool in enumerate(self.body.get("tools") or ()):
            if not self.runs_here(tool):
                raise server_tool(f"tools.{index}", tool.get("type"))
        for index, item in enumerate(self._items()):
            # A type may be of any type, a list for one.
            if str(item.get("type", "message")) not in _ITEMS or item.get("encrypted_content"):
                raise BadRequest(
                    f"input.{index}: an item must be one of {', '.join(_ITEMS)}, and readable",
                    param=f"input.{index}",
                )
            check_message(_message(item), f"input.{index}", "output" if "output" in item else "content")

    def runs_here(self, tool: dict[str, Any]) -> bool:
        """See `GuardedRequest.runs_here`; a namespace is a list of tools."""
        if tool.get("type") != "namespace":
            return tool.get("type") in _CLIENT_TOOLS
        within = tool.get("tools")
        return isinstance(within, list) and all(
            isinstance(each, Mapping) and each.get("type") in _CLIENT_TOOLS for each in within
        )

    def conversations(self, decoded_prompts: list[str]) -> Iterator[Conversation]:
        """The one conversation of the request."""
        messages = [_message(item) for item in self._items()]
        if self.body.get("instructions"):
            messages.insert(0, {"role": "system", "content": self.body["instructions"]})
        fields = [self.body[name] for name in _READ_ALONGSIDE if self.body.get(name)]
        yield Conversation.from_openai_messages(
            messages, self.body.get("tools"), fields=fields + leftovers(messages)
        )

    def openings(self, conversations: Sequence[Conversation]) -> list[Opening]:
        """See `GuardedRequest.openings`: an assistant's last message is the beginning of the answer."""
        items = self._items()
        if not items or _message(items[-1]).get("role") != "assistant":
            return [Opening(each) for each in conversations]
        last = len(items) - 1 + bool(self.body.get("instructions"))
        return [continued(each, last) for each in conversations]

    def tokenized(self, tokenizer: PromptTokenizer) -> TokenizedPrompt | None:
        """See `GuardedRequest.tokenized`: where the engine makes one message of each item, and knows nothing but functions."""
        messages = [_message(item) for item in self._items()]
        tools = self.body.get("tools") or ()
        if not _stay_apart(messages) or any(tool.get("type") != "function" for tool in tools):
            return None
        if self.body.get("instructions"):
            messages.insert(0, {"role": "system", "content": self.body["instructions"]})
        try:
            shown = list(map(as_templates_get_it, messages))
        except NotText:
            return None
        return tokenizer.chat(shown, list(map(_function, tools)), **self._template_arguments())

    def _template_arguments(self) -> dict[str, Any]:
        arguments = dict(self.body.get("chat_template_kwargs") or {})
        effort = (self.body.get("reasoning") or {}).get("effort")
        if effort is not None:
            arguments.setdefault("enable_thinking", effort != "none")
        last = self._items()[-1]
        # What else may be unfinished the engine does not go on with.
        going_on = last.get("type", "message") in _MAY_GO_ON and last.get("status") in _UNFINISHED
        return arguments | {
            "reasoning_effort": effort,
            "add_generation_prompt": not going_on,
            "continue_final_message": going_on,
        }

    def demanded_output(self) -> Conversation | None:
        """What the answer is made to contain, as of `GuardedRequest.demanded_output`."""
        return demanded((self.body.get("text") or {}).get("format"), self.body)

    def for_engine(self, request_id: str) -> dict[str, Any]:
        """The body with an id, which vLLM takes from there alone here, and word that nothing is to be kept."""
        return {**self.body, "request_id": f"resp_{request_id}", "store": False}

    def refusal(self, model: str, text: str) -> Response:
        """An incomplete response, cut short by the content filter; see `GuardedRequest.refusal`."""
        return refuse_response(self.body, self.stream, self.model or model, text)

    def _items(self) -> list[dict[str, Any]]:
        given = self.body["input"]
        return [{"role": "user", "content": given}] if isinstance(given, str) else given


def _message(item: Mapping[str, Any]) -> dict[str, Any]:
    """An item as a message; what else it says stands beside what the engine reads of it, and in place of nothing."""
    fields = {name: value for name, value in item.items() if name != "status"}
    kind = fields.pop("type", "message")
    if kind == "message":
        return fields
    made = _MESSAGE_OF_ITEM[kind](fields)
    return made | {"further": fields} if fields else made


def _stay_apart(messages: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the engine makes one message of each: it puts what assistants say in a row together, and reads one part of it."""
    roles = [message.get("role") for message in messages]
    parts = (message.get("content") for message in messages if message.get("role") == "assistant")
    return (
        bool(roles)
        and all(pair != ("assistant", "assistant") for pair in pairwise(roles))
        and all(len(content) == 1 for content in parts if isinstance(content, list))
    )


def _function(tool: Mapping[str, Any]) -> dict[str, Any]:
    """A tool as the engine shows it to templates."""
    function = {"name": None, "description": None, "parameters": None} | dict(tool)
    del function["type"]
    return {"type": "function", "function": function}


def _tool_call(fields: dict[str, Any]) -> dict[str, Any]:
    arguments = fields.pop("arguments", None) or fields.pop("input", None) or ""
    function = {"name": fields.pop("name", ""), "arguments": arguments}
    return {"role": "assistant", "tool_calls": [{"id": fields.pop("call_id", ""), "function": function}]}


def _tool_output(fields: dict[str, Any]) -> dict[str, Any]:
    return {"role": "tool", "content": fields.pop("output", None)}


def _reasoning(fields: dict[str, Any]) -> dict[str, Any]:
    parts = [part for name in ("content", "summary") for part in _listed(fields.pop(name, None))]
    texts = [str(part.get("text", part)) if isinstance(part, Mapping) else str(part) for part in parts]
    return {"role": "assistant", "reasoning": "\n".join(texts)}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value] if value else []


# Each takes what it reads out of an item's fields.
_MESSAGE_OF_ITEM = {
    "function_call": _tool_call,
    "function_call_output": _tool_output,
    "custom_tool_call": _tool_call,
    "custom_tool_call_output": _tool_output,
    "reasoning": _reasoning,
}
_ITEMS = ("message", *_MESSAGE_OF_ITEM)
