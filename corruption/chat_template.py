"""A model's chat template, rendered as the engine renders it, with the place of every message's content.

Knows text; knows nothing about tokens. The template is untrusted code, so it runs in Jinja's sandbox, set up
as transformers does it.
"""

import datetime
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import jinja2.ext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from lethe.bundle.errors import LetheError

# In a trial rendering each message's content stands between two marks of its own, from a plane of private-use
# characters that real text does not touch.
_FIRST_MARK, _LAST_MARK = 0xF0000, 0xFFFFD
_MARKS = re.compile(f"[{chr(_FIRST_MARK)}-{chr(_LAST_MARK)}]")
_SPECIAL_TOKENS = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")


class ChatTemplateError(LetheError, ValueError):
    """A model without a usable chat template, or messages that it refuses."""


@dataclass(frozen=True)
class RenderedChat:
    """A conversation as one text.

    Attributes
    ----------
    text
        What the engine tokenizes.
    contents
        For each message, where its content stands in the text. None for a message without text, and where the
        template does not pass the content on once and as it is.
    complete
        Whether the place of every content that has text is known.
    """

    text: str
    contents: tuple["ContentPlace | None", ...]
    complete: bool


@dataclass(frozen=True)
class ContentPlace:
    """Where a message's content, less its outer white space, stands in the rendered text.

    Half-open character offsets, and how many characters of white space come before it in the message.
    """

    start: int
    end: int
    skipped: int


class ChatTemplate:
    """A chat template and the special tokens that it may name.

    Parameters
    ----------
    source
        The template's Jinja source.
    special_tokens
        By name: ``bos_token`` and the like.

    Raises
    ------
    ChatTemplateError
        The source is not valid Jinja.
    """

    def __init__(self, source: str, special_tokens: Mapping[str, str] | None = None):
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=[_GenerationBlocks, jinja2.ext.loopcontrols]
        )
        environment.filters["tojson"] = _to_json
        environment.globals["raise_exception"] = _raise_exception
        environment.globals["strftime_now"] = _strftime_now
        try:
            self._template = environment.from_string(source)
        except jinja2.TemplateError as error:
            raise ChatTemplateError(f"the chat template is not valid: {error}") from None
        self._special_tokens = dict(special_tokens or {})

    @classmethod
    def load(cls, model_folder: Path) -> "ChatTemplate":
        """Read the template of a model folder, from ``chat_template.jinja`` or ``tokenizer_config.json``.

        Raises
        ------
        ChatTemplateError
            There is none.
        """
        config_path = model_folder / "tokenizer_config.json"
        config = json.loads(config_path.read_text()) if config_path.is_file() else {}
        template_path = model_folder / "chat_template.jinja"
        source = template_path.read_text() if template_path.is_file() else config.get("chat_template")
        if isinstance(source, list):
            source = next((entry["template"] for entry in source if entry.get("name") == "default"), None)
        if not isinstance(source, str):
            raise ChatTemplateError(f"{model_folder} has no chat template")
        return cls(source, {name: _token_text(config[name]) for name in _SPECIAL_TOKENS if config.get(name)})

    def render(
        self,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]] | None = None,
        **arguments: Any,
    ) -> RenderedChat:
        """Render a conversation.

        Parameters
        ----------
        messages
            OpenAI messages, the content of each one text or None: what of a list of parts is text, and how the
            engine joins it, the caller knows.
        tools
            OpenAI tool definitions.
        arguments
            Further template arguments; ``add_generation_prompt`` is true if it is not among them.

        Raises
        ------
        ChatTemplateError
            The template refuses the messages, or a content is not one text.
        """
        plain = [{**message, "content": _one_text(message)} for message in messages]
        text = self._render(plain, tools, arguments)
        unknown = RenderedChat(text, (None,) * len(plain), complete=False)
        if len(plain) > _LAST_MARK - _FIRST_MARK or _MARKS.search(text):
            return unknown
        marked = [
            {**message, "content": _mark(message["content"], index)} for index, message in enumerate(plain)
        ]
        try:
            trial = self._render(marked, tools, arguments)
        except ChatTemplateError:
            return unknown
        if _MARKS.sub("", trial) != text:
            # The template looks into contents and turned out another text; where they stand is not known.
            return unknown
        marks = _mark_positions(trial)
        contents = [
            _place(message["content"], marks.get(index, []), text) for index, message in enumerate(plain)
        ]
        complete = all(
            place or not (message["content"] or "").strip()
            for place, message in zip(contents, plain, strict=True)
        )
        return RenderedChat(text, tuple(contents), complete)

    def _render(
        self,
        messages: list[dict[str, Any]],
        tools: Sequence[Mapping[str, Any]] | None,
        arguments: Mapping[str, Any],
    ) -> str:
        values = {"add_generation_prompt": True, "documents": None, **self._special_tokens, **arguments}
        try:
            return self._template.render(messages=messages, tools=list(tools) if tools else None, **values)
        # It is a program, and what a client says goes into it.
        except (
            jinja2.TemplateError,
            ArithmeticError,
            AttributeError,
            LookupError,
            RecursionError,
            TypeError,
            ValueError,
        ) as error:
            raise ChatTemplateError(f"the chat template refuses the messages: {error}") from None


def _one_text(message: Mapping[str, Any]) -> str | None:
    content = message.get("content")
    if content is not None and not isinstance(content, str):
        raise ChatTemplateError(f"a message's content is not one text but a {type(content).__name__}")
    return content


class _GenerationBlocks(jinja2.ext.Extension):
    """``{% generation %}`` marks the assistant's text for training; in a prompt it is its body."""

    tags = {"generation"}  # noqa: RUF012

    def parse(self, parser: Any) -> Any:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _mark(content: str | None, index: int) -> str | None:
    """Put marks inside the outer white space, which many templates trim."""
    core = (content or "").strip()
    if content is None or not core:
        return content
    mark, start = chr(_FIRST_MARK + index), _leading_space(content)
    return content[:start] + mark + core + mark + content[start + len(core) :]


def _mark_positions(trial: str) -> dict[int, list[int]]:
    """For each message, where its marks stand, as offsets into the text without any."""
    positions: dict[int, list[int]] = {}
    for earlier, match in enumerate(_MARKS.finditer(trial)):
        positions.setdefault(ord(match.group()) - _FIRST_MARK, []).append(match.start() - earlier)
    return positions


def _place(content: str | None, marks: Sequence[int], text: str) -> ContentPlace | None:
    # Templates may leave a message out, write it twice, or change what it says.
    if content is None or len(marks) != 2 or text[marks[0] : marks[1]] != content.strip():
        return None
    return ContentPlace(*marks, skipped=_leading_space(content))


def _leading_space(content: str) -> int:
    return len(content) - len(content.lstrip())


def _token_text(value: Any) -> str:
    return value["content"] if isinstance(value, dict) else str(value)


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: Any = None,
    separators: Any = None,
    sort_keys: bool = False,
) -> str:
    return json.dumps(
        value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def _raise_exception(message: str) -> None:
    raise jinja2.TemplateError(message)


def _strftime_now(pattern: str) -> str:
    return datetime.datetime.now().strftime(pattern)
