"""What the OpenAPI document says of routes that read their requests themselves."""

from functools import cache
from typing import Any

import pydantic


@cache
def body_schema(shape: type[pydantic.BaseModel]) -> dict[str, Any]:
    """A body of a given shape, as a route's ``openapi_extra``."""
    schema = shape.model_json_schema(ref_template="#/components/schemas/{model}")
    # OpenAPI keeps definitions elsewhere; inlining them leaves each route's schema whole by itself.
    definitions = schema.pop("$defs", {})
    return {
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _inline(schema, definitions)}},
        }
    }


def _inline(schema: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(schema, dict):
        if "$ref" in schema:
            return _inline(definitions[schema["$ref"].rpartition("/")[2]], definitions)
        return {key: _inline(value, definitions) for key, value in schema.items()}
    if isinstance(schema, list):
        return [_inline(item, definitions) for item in schema]
    return schema
