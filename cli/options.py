"""Options of a verb out of the settings of its job: each field says once what it is called, what it takes, and what for."""

import functools
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import pydantic
import typer

from lethe.cli.errors import UsageError, reported
from lethe.offline.data.files import first_fault

_KINDS: dict[str | None, type] = {"boolean": bool, "integer": int, "number": float, "string": str}
_BOUNDS = {
    "minimum": "x>={:g}",
    "exclusiveMinimum": "x>{:g}",
    "maximum": "x<={:g}",
    "exclusiveMaximum": "x<{:g}",
}

Verb = Callable[..., None]


def with_options(
    names: Mapping[str, str] | None = None,
    variables: Mapping[str, str] | None = None,
    without: tuple[str, ...] = (),
) -> Callable[[Verb], Verb]:
    """Give Typer an option for each field of a verb's settings, and the verb the settings.

    The verb has one parameter that is a pydantic model, beside any that are Typer's own. Options that must be given come
    first, those of fields that the model inherits last. A value that cannot be ends the command with one line that names its option.

    Parameters
    ----------
    names
        By field, the option where it is not called as the field is.
    variables
        By field, the environment variable that stands in for the option.
    without
        Fields that are no options, and stay at their defaults.
    """
    names, variables = names or {}, variables or {}

    def decorate(verb: Verb) -> Verb:
        own = dict(inspect.signature(verb, eval_str=True).parameters)
        [place] = [name for name, parameter in own.items() if _is_model(parameter.annotation)]
        model: type[pydantic.BaseModel] = own.pop(place).annotation
        flags = {
            name: names.get(name, f"--{name.replace('_', '-')}")
            for name in model.model_fields
            if name not in without
        }
        schema = model.model_json_schema()["properties"]
        options = [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=_default(model.model_fields[name]),
                annotation=_annotation(schema[name], flag, variables.get(name)),
            )
            for name, flag in flags.items()
        ]
        parameters = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in own.values()] + options
        inherited = model.model_fields.keys() - model.__annotations__.keys()
        parameters.sort(key=lambda each: (each.default is not each.empty, each.name in inherited))

        @functools.wraps(verb)
        def run(**given: Any) -> None:
            values = {name: value for name in flags if (value := given.pop(name)) is not None}
            with reported():
                try:
                    settings = model(**values)
                except pydantic.ValidationError as error:
                    raise UsageError(first_fault(error, flags)) from None
            verb(**given, **{place: settings})

        # Where Typer looks.
        run.__dict__["__signature__"] = inspect.Signature(parameters)
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return run

    return decorate


def _is_model(annotation: Any) -> bool:
    return inspect.isclass(annotation) and issubclass(annotation, pydantic.BaseModel)


def _default(field: pydantic.fields.FieldInfo) -> Any:
    """What the help shows; None, which is not handed on, where the settings find the default by themselves."""
    if field.is_required():
        return inspect.Parameter.empty
    if field.default_factory is not None or field.default in ((), {}):
        return None
    return list(field.default) if isinstance(field.default, tuple) else field.default


def _annotation(schema: Mapping[str, Any], flag: str, variable: str | None) -> Any:
    """What Typer reads off a parameter, for a field whose JSON schema is given.

    Typer is told of no bounds and choices, only of their names for the help: the settings check them.
    """
    help_text = schema.get("description", "")
    for each in schema.get("anyOf", ()):
        if each.get("type") != "null":
            schema = each
    several = schema.get("type") in ("array", "object")
    if several:
        help_text = f"{help_text} May be repeated."
        schema = schema.get("items", {"type": "string"})
    kind = Path if schema.get("format") == "path" else _KINDS[schema.get("type")]
    if kind is bool:
        flag = f"{flag}/--no-{flag.removeprefix('--')}"
    option = typer.Option(flag, help=help_text, metavar=_metavar(schema, kind, several), envvar=variable)
    return Annotated[list[kind] if several else kind, option]  # pyright: ignore[reportInvalidTypeForm]


def _metavar(schema: Mapping[str, Any], kind: type, several: bool) -> str | None:
    """As Typer writes types, with the choices or the bounds that there are; None leaves it to Typer."""
    if "enum" in schema:
        return f"<{'|'.join(map(str, schema['enum']))}>"
    bounds = ", ".join(text.format(schema[key]) for key, text in _BOUNDS.items() if key in schema)
    name = f"list[{kind.__name__}]" if several else kind.__name__
    return f"<{name}> [{bounds}]" if bounds else None
