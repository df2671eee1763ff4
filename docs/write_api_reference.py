"""Write docs/api-reference.md, the proxy's own routes, from its OpenAPI document.

python -m docs.write_api_reference
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from lethe.server.access.access import Access
from lethe.server.access.limits import LocalLimits
from lethe.server.app import CONSOLE, create_app
from lethe.server.audit.log import NoAudit
from lethe.server.drain import Drain
from lethe.server.engines.fleet import Fleet
from lethe.server.guard.classification import ClassifierFactory
from lethe.server.guard.guard import Guard
from lethe.server.media.reader import MediaReader
from lethe.server.metrics import Metrics
from lethe.server.reload import Reload
from lethe.server.request.placement import Placer
from lethe.server.request.tracing import NoTracing
from lethe.server.settings.settings import Settings

PAGE = Path(__file__).parent / "api-reference.md"
_HEAD = """# Routes

`make api-reference` writes this page from the proxy's OpenAPI document, which a running proxy has at `/openapi.json`.
[HTTP interface](api.md) has an example of each; what only the console's page asks, under `/console/api`, may change with
any release and is not here.

Fields in bold must be given. A body is a JSON object; those of its fields that are not here are the engine's, and are
passed to it, but for [what clients may not set](operating.md#what-clients-may-not-set).
"""

Schema = Mapping[str, Any]


def documented_app() -> FastAPI:
    """A proxy before an engine that nobody asks."""
    settings = Settings.model_validate({"engine": {"url": "http://127.0.0.1:8000"}})
    metrics = Metrics()
    fleet = Fleet(settings, None, metrics)
    guard = Guard(settings.targets, ClassifierFactory(settings), fleet, settings.policy, metrics)
    access = Access(None, LocalLimits())
    return create_app(
        settings,
        models=fleet.models,
        guard=guard,
        placer=Placer(metrics),
        reader=MediaReader(settings.media, settings.policy.parts, settings.classifier.deadline_seconds),
        access=access,
        reload=Reload(guard, access.load),
        metrics=metrics,
        audit=NoAudit(),
        tracing=NoTracing(),
        drain=Drain(0),
    )


def openapi_document() -> dict[str, Any]:
    """The OpenAPI document of a proxy."""
    return documented_app().openapi()


def reference(document: Mapping[str, Any]) -> str:
    """The page: every route under who may ask it, with the fields of its body and of its answer."""
    shapes = document["components"]["schemas"]
    parts = [_HEAD]
    for group in document["tags"]:
        if group["name"] == CONSOLE:
            continue
        parts.append(f"## {group['name'].capitalize()}\n\n{group['description']}\n")
        for path, methods in document["paths"].items():
            for method, route in methods.items():
                if group["name"] in route["tags"]:
                    parts.append(f"### {method.upper()} {path}\n\n{route['description']}\n")
                    parts += _fields(route, shapes)
    openai, anthropic = (
        _table("\n".join(_rows(shapes[name], shapes))) for name in ("ErrorAnswer", "AnthropicErrorAnswer")
    )
    parts.append(
        f"## Errors\n\nEvery answer but a `200` has this form.\n\n{openai}\n"
        f"On the routes of Anthropic's messages it has this one.\n\n{anthropic}"
    )
    return "\n".join(parts)


def _fields(route: Mapping[str, Any], shapes: Mapping[str, Schema]) -> Iterator[str]:
    body = route.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    if rows := "\n".join(_rows(body, shapes)):
        yield f"Body:\n\n{_table(rows)}"
    answer = route["responses"]["200"]
    schema = answer["content"].get("application/json", {}).get("schema", {})
    if rows := "\n".join(_rows(schema, shapes)):
        yield f"Answer:\n\n{_table(rows)}"
    elif "text/plain" in answer["content"]:
        yield "Answer: plain text.\n"
    else:
        said = answer["description"]
        yield f"Answer: {said[0].lower()}{said[1:]}\n"


def _table(rows: str) -> str:
    return f"| field | type | |\n|---|---|---|\n{rows}\n"


def _rows(schema: Schema, shapes: Mapping[str, Schema], within: str = "") -> Iterator[str]:
    """A row for each field of an object, and below it those for the fields of what is in it."""
    schema = _resolved(schema, shapes)
    if schema.get("type") == "array":
        yield from _rows(schema["items"], shapes, f"{within[:-1]}[].")
    for name, field in schema.get("properties", {}).items():
        whole = f"`{within}{name}`"
        shown = f"**{whole}**" if _must_be_given(name, schema) else whole
        yield f"| {shown} | {_type(field, shapes)} | {field.get('description', '')} |"
        yield from _rows(field, shapes, f"{within}{name}.")


def _must_be_given(name: str, schema: Schema) -> bool:
    # Only bodies say whether further fields may stand in them; in an answer everything is there.
    return "additionalProperties" in schema and name in schema.get("required", ())


def _type(schema: Schema, shapes: Mapping[str, Schema]) -> str:
    schema = _resolved(schema, shapes)
    if alternatives := _alternatives(schema):
        return " or ".join(dict.fromkeys(_type(each, shapes) for each in alternatives))
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if schema["type"] == "array":
        return f"list of {_plural(schema['items'], shapes)}"
    return schema["type"]


def _plural(schema: Schema, shapes: Mapping[str, Schema]) -> str:
    schema = _resolved(schema, shapes)
    alternatives = [_type(each, shapes) for each in _alternatives(schema) or [schema]]
    return " and ".join(
        f"lists {name.removeprefix('list ')}" if name.startswith("list ") else f"{name}s"
        for name in alternatives
    )


def _alternatives(schema: Schema) -> list[Schema]:
    return schema.get("anyOf") or schema.get("oneOf") or []


def _resolved(schema: Schema, shapes: Mapping[str, Schema]) -> Schema:
    return shapes[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


if __name__ == "__main__":
    PAGE.write_text(reference(openapi_document()))
