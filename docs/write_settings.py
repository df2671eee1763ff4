"""Write the settings in docs/operating.md from the proxy's own: defaults, examples, and what the docstrings say.

python -m docs.write_settings
"""

import inspect
import re
import textwrap
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pydantic
import yaml
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from lethe.server.settings.settings import Settings

PAGE = Path(__file__).parent / "operating.md"
_WIDTH = 110
_OPENING, _CLOSING = "```yaml\n", "```\n"
_ATTRIBUTES = re.compile(r"^Attributes\n-+\n(.*?)(?=^\w+\n-+$|\Z)", re.MULTILINE | re.DOTALL)
_ENTRY = re.compile(r"^(\w+(?:, \w+)*)\n((?:[ ]+.*\n?|\n)+)", re.MULTILINE)


def with_settings(page: str) -> str:
    """The page with its first block of YAML made anew."""
    before, _, rest = page.partition(_OPENING)
    after = rest.partition(_CLOSING)[2]
    return f"{before}{_OPENING}{settings_block()}{_CLOSING}{after}"


def settings_block() -> str:
    """Every setting with its default; one that has an example instead begins with ``#``, and no blank follows."""
    return "\n".join(_section(Settings)) + "\n"


def _section(model: type[pydantic.BaseModel]) -> Iterator[str]:
    told = _documentation(model)
    said = ""
    for name, field in model.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, pydantic.BaseModel):
            lines = list(_section(section))
            # A section of which nothing is set would be a null.
            unset = all(line.startswith("#") for line in lines)
            yield from _comment(_summary(section))
            yield f"{'#' if unset else ''}{name}:"
            yield from (f"  {line}" for line in lines)
            continue
        # Settings that are told of together have one comment, above the first.
        if told.get(name, "") != said:
            said = told.get(name, "")
            yield from _comment(f"{said} {_choices(field)}".strip())
        if field.examples:
            yield f"#{name}: {_yaml(field.examples[0])}"
        else:
            yield f"{name}: {_yaml(field.default)}"


def _documentation(model: type[pydantic.BaseModel]) -> dict[str, str]:
    """What the docstrings of a model and of those that it is made from say of each attribute."""
    told: dict[str, str] = {}
    for each in reversed(model.__mro__):
        for attributes in _ATTRIBUTES.findall(inspect.cleandoc(each.__doc__ or "") + "\n"):
            for names, text in _ENTRY.findall(attributes):
                told |= dict.fromkeys(names.split(", "), _plain(text))
    return told


def _summary(model: type[pydantic.BaseModel]) -> str:
    return _plain(inspect.cleandoc(model.__doc__ or "").partition("\n\n")[0])


def _plain(text: str) -> str:
    return " ".join(text.replace("`", "").split())


def _choices(field: FieldInfo) -> str:
    values: list[Any] = []
    for kind in (field.annotation, *get_args(field.annotation)):
        if get_origin(kind) is Literal:
            values += get_args(kind)
        elif isinstance(kind, type) and issubclass(kind, Enum):
            values += [member.value for member in kind]
    return f"One of {', '.join(map(str, values))}." if values else ""


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)


def _yaml(value: Any) -> str:
    written = yaml.safe_dump(to_jsonable_python(value), default_flow_style=True, width=10_000)
    return written.removesuffix("...\n").strip()


if __name__ == "__main__":
    PAGE.write_text(with_settings(PAGE.read_text()))
