"""What an endpoint is: a class of requests, which says all that is particular to it.

Only the fields that decide what text reaches the model are typed; the engine checks its own. Knows nothing about
targets.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Self

import pydantic
from fastapi.responses import Response
from pydantic import Field

from lethe.classifier.conversation import Conversation
from lethe.classifier.text.json_text import value_readings
from lethe.corruption.positions import PromptTokenizer, TokenizedPrompt
from lethe.server.endpoints.answer_form import AnswerForm
from lethe.server.endpoints.body import parse_body
from lethe.server.endpoints.lengths import Lengths
from lethe.server.errors import BadRequest

_FREE_FORMATS = ("text", "json_object")
# As the engine reads them, words and all.
_TOKENS = pydantic.TypeAdapter(list[int] | None)


class GuardedBody(pydantic.BaseModel):
    """The fields that every guarded body may have; every further one passes through."""

    model_config = pydantic.ConfigDict(extra="allow", strict=True)

    model: Annotated[str | None, Field(description="A name of the base model.")] = None
    # The engine takes words and numbers too.
    stream: Annotated[
        bool | None, Field(strict=False, description="Whether the answer comes piece by piece.")
    ] = None
    response_format: Annotated[dict[str, Any] | None, Field(description="The form of the answer.")] = None
    structured_outputs: Annotated[
        dict[str, Any] | None, Field(description="The same, in vLLM's own form.")
    ] = None


@dataclass(frozen=True)
class EngineRequest:
    """A request that an engine is asked, its body read and checked.

    Attributes
    ----------
    path
        Where the engine is asked.
    aliases
        Further paths for clients, which mean the same.
    description
        What the API document says of it.
    Body
        The fields that are typed; every further one passes through.
    body
        The whole JSON object, as the engine will get it but for what later steps change.
    """

    path: ClassVar[str]
    aliases: ClassVar[Sequence[str]] = ()
    description: ClassVar[str]
    Body: ClassVar[type[pydantic.BaseModel]]

    body: dict[str, Any]

    @classmethod
    def parse(cls, raw: bytes, most: Lengths | None = None) -> Self:
        """Parse a body; see `parse_body`."""
        return cls(parse_body(raw, cls.Body, most))

    @property
    def model(self) -> str | None:
        return self.body.get("model")

    def check(self) -> None:
        """Refuse what would carry a prompt past the classifier, or have the engine fetch something.

        Raises
        ------
        BadRequest
            The request has such a thing.
        """


@dataclass(frozen=True)
class Opening:
    """What an answer begins from.

    Attributes
    ----------
    question
        The conversation up to the answer.
    said
        What the client gave as the answer's beginning; empty if nothing.
    echoed
        What the answer repeats before it says anything, as the request asks; empty if nothing.
    echoes_text
        Whether that is repeated in its text too, or by its tokens alone.
    """

    question: Conversation
    said: str = ""
    echoed: str = ""
    echoes_text: bool = True


class GuardedRequest(EngineRequest, ABC):
    """A request whose prompt is judged.

    Attributes
    ----------
    operation
        Its name in traces, by the conventions for generative AI.
    generates
        Whether the answer is text.
    pooled
        Whether a pooling engine makes the answer, which says in numbers something of what is asked.
    answer_form
        How its answers are read; None where they are no text.
    media_fields
        The fields of a body whose messages may have parts that are no text.
    id_headers
        The headers of an answer in which clients look for the request's id.
    """

    operation: ClassVar[str]
    generates: ClassVar[bool] = True
    pooled: ClassVar[bool] = False
    answer_form: ClassVar[AnswerForm | None] = None
    media_fields: ClassVar[Sequence[str]] = ("messages",)
    id_headers: ClassVar[Sequence[str]] = ("x-request-id",)

    @property
    def stream(self) -> bool:
        return bool(self.body.get("stream"))

    def token_id_prompts(self) -> list[list[int]]:
        """The prompts that came as token ids; empty for text."""
        return []

    @abstractmethod
    def conversations(self, decoded_prompts: list[str]) -> Iterator[Conversation]:
        """Everything of the request that the model will read, one conversation for each prompt.

        Parameters
        ----------
        decoded_prompts
            The text of `token_id_prompts`, in their order.
        """

    def runs_here(self, tool: dict[str, Any]) -> bool:
        """Whether a tool can be used here: no server runs any."""
        return True

    def without_server_tools(self) -> Self:
        """The request without the tools that a server would have to run; with none left, nothing is said of tools."""
        declared: list[dict[str, Any]] = self.body.get("tools") or []
        kept = [tool for tool in declared if self.runs_here(tool)]
        if len(kept) == len(declared):
            return self
        body = self.body | {"tools": kept}
        if not kept:
            body = {name: value for name, value in body.items() if name not in ("tools", "tool_choice")}
        return replace(self, body=body)

    @property
    def choices(self) -> int:
        """How many answers the request asks for, to all its prompts."""
        return 1

    @property
    def stop_tokens(self) -> frozenset[int]:
        """The tokens that end an answer because the client says so."""
        try:
            return frozenset(_TOKENS.validate_python(self.body.get("stop_token_ids")) or ())
        except pydantic.ValidationError:
            return frozenset()

    def openings(self, conversations: Sequence[Conversation]) -> list[Opening]:
        """What the answers to each prompt begin from.

        Parameters
        ----------
        conversations
            As of `conversations`.
        """
        return [Opening(each) for each in conversations]

    def for_judging(self, body: dict[str, Any]) -> dict[str, Any]:
        """The engine's body, such that its stream tells all along what was used, if the client is to be told in the end."""
        return body

    @property
    def wants_usage(self) -> bool:
        """Whether a stream is to end with what was used."""
        return False

    @property
    def wants_usage_throughout(self) -> bool:
        """Whether each piece of a stream is to say what was used so far."""
        return False

    def demanded_output(self) -> Conversation | None:
        """What the answer is made to contain by a format, a grammar or a demanded tool call; None for nothing.

        What a grammar forces is generated text, which no corruption of the prompt reaches.
        """
        return demanded(self.body.get("response_format"), self.body)

    def tokenized(self, tokenizer: PromptTokenizer) -> TokenizedPrompt | None:
        """The one prompt as the engine's tokens; None where they cannot be known.

        Raises
        ------
        ChatTemplateError, TypeError
            The model's chat template does not take the request.
        """
        return None

    def for_engine(self, request_id: str) -> dict[str, Any]:
        """The body that the engine gets of a request that nothing is changed about."""
        return dict(self.body)

    @abstractmethod
    def refusal(self, model: str, text: str) -> Response:
        """The answer to a refused request, in the form of what was asked for.

        Parameters
        ----------
        model
            The name under which the model is served, if the request names none.
        text
            What the client is told.

        Raises
        ------
        BadRequest
            The request asks for no number of answers, or for too many, or its answers have no form that says no.
        """


def server_tool(place: str, kind: Any) -> BadRequest:
    """The error that says what to do about a tool that a server would have to run."""
    named = f"one of type {kind}" if isinstance(kind, str) else "this one"
    return BadRequest(
        f"{place}: only tools that the client runs can be used here, and {named} is not: leave it out "
        '(Codex: `web_search = "disabled"` in its config.toml; Claude Code: `--disallowedTools WebSearch`), '
        "or have the operator set policy.server_tools to drop",
        param=place,
    )


def continued(conversation: Conversation, index: int) -> Opening:
    """An answer that goes on with a message of the client's own.

    Parameters
    ----------
    index
        Of that message.
    """
    messages = conversation.messages
    before = (*messages[:index], *messages[index + 1 :])
    return Opening(Conversation(before), messages[index].text)


def token_id_lists(prompt: str | list[Any]) -> list[list[int]]:
    """The token ids of a prompt or of several; empty for text."""
    if isinstance(prompt, str) or isinstance(prompt[0], str):
        return []
    return [prompt] if isinstance(prompt[0], int) else prompt


def demanded(format: Any, body: dict[str, Any]) -> Conversation | None:
    """What a format, a grammar, and a tool that a body demands to be called, make an answer contain; None for nothing."""
    demands: list[Any] = []
    if isinstance(format, dict) and format.get("type") not in _FREE_FORMATS:
        demands.append(format)
    if isinstance(grammar := body.get("structured_outputs"), dict):
        demands.append(grammar)
    if body.get("tool_choice") not in (None, "none", "auto"):
        demands += [body["tool_choice"], *(body.get("tools") or ())]
    return Conversation.from_prompt("\n".join(value_readings(demands))) if demands else None
