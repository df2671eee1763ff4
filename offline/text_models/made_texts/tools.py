"""Definitions of tools in the forms that interfaces have for them, and calls. Made at random; knows nothing about classifiers."""

import json
import random
from typing import Any

from lethe.offline.text_models.made_texts.names import Material, key
from lethe.offline.text_models.made_texts.values import TAGS, VALUES, short_value

_TYPES = ("string", "integer", "number", "boolean", "array", "object", "null")


def tools(noise: random.Random, material: Material) -> str:
    """Definitions of tools, in the forms that interfaces have for them."""
    made: list[Any] = []
    kind = noise.randrange(5)
    for _ in range(noise.randrange(1, 6)):
        name, said = (
            material.name(noise),
            " ".join(material.sentence(noise) for _ in range(noise.choice((1, 1, 2, 4)))),
        )
        schema = _schema(noise, material)
        if kind == 0:
            made.append(
                {"type": "function", "function": {"name": name, "description": said, "parameters": schema}}
            )
        elif kind == 1:
            made.append({"name": name, "description": said, "input_schema": schema})
        elif kind == 2:
            made.append(
                {
                    "type": "function",
                    "name": name,
                    "description": said,
                    "strict": noise.random() < 0.5,
                    "parameters": schema,
                }
            )
        elif kind == 3:
            parameters = ", ".join(
                f"{each}{noise.choice(('', '?'))}: {one['type']}"
                for each, one in schema["properties"].items()
            )
            made.append(f"// {said}\ntype {name} = (_: {{ {parameters} }}) => any;")
        else:
            shown = "\n".join(
                f"<{each}>{one.get('description', each)[:60]} here</{each}>"
                for each, one in schema["properties"].items()
            )
            made.append(f"## {name}\nDescription: {said}\nUsage:\n<{name}>\n{shown}\n</{name}>")
    if kind >= 3:
        return "\n\n".join(made)
    if noise.random() < 0.3:
        made = made[0]
    return json.dumps(
        made, indent=noise.choice((None, None, 2, 4)), separators=noise.choice((None, (",", ":")))
    )


def calls(noise: random.Random, material: Material) -> str:
    """Calls of tools, with what they brought or without."""
    kind, made = noise.randrange(6), []
    for _ in range(noise.randrange(1, 5)):
        name, arguments = material.name(noise), some_arguments(noise, material)
        result = (
            short_value(noise, material)
            if noise.random() < 0.5
            else "\n".join(material.lines(noise, noise.randrange(1, 8)))
        )
        if kind == 0:
            made.append(
                json.dumps(
                    {
                        "id": key(noise),
                        "type": "function",
                        "function": {"name": name, "arguments": json.dumps(arguments)},
                    }
                )
            )
        elif kind == 1:
            inside = "\n".join(
                f'<parameter name="{each}">{value}</parameter>' for each, value in arguments.items()
            )
            made.append(f'<invoke name="{name}">\n{inside}\n</invoke>')
        elif kind == 2:
            made.append(
                f"Thought: {material.sentence(noise)}\nAction: {name}\nAction Input: {json.dumps(arguments)}\nObservation: {result}"
            )
        elif kind == 3:
            inside = "\n".join(f"<{each}>{value}</{each}>" for each, value in arguments.items())
            made.append(f"<{name}>\n{inside}\n</{name}>")
        elif kind == 4:
            made.append(
                f"<tool_call>\n{json.dumps({'name': name, 'arguments': arguments})}\n</tool_call>\n<tool_response>\n{result}\n</tool_response>"
            )
        else:
            made.append(
                f"$ {name} {' '.join(f'--{each} {value}' for each, value in arguments.items())}\n{result}"
            )
    return "\n".join(made)


def _schema(noise: random.Random, material: Material, depth: int = 0) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for _ in range(noise.randrange(0 if depth else 1, 6)):
        kind = noise.choice(_TYPES[: 6 if depth < 2 else 4])
        one: dict[str, Any] = {"type": kind}
        if noise.random() < 0.8:
            one["description"] = material.sentence(noise, noise.choice((30, 90, 200)))
        if kind == "object":
            one |= _schema(noise, material, depth + 1)
        if kind == "array":
            one["items"] = {"type": noise.choice(_TYPES)}
        if kind == "string" and noise.random() < 0.25:
            one["enum"] = [
                noise.choice(VALUES) if noise.random() < 0.6 else material.name(noise)
                for _ in range(noise.randrange(2, 9))
            ]
        if noise.random() < 0.15:
            one["default"] = noise.choice((0, 1, "", None, True, noise.choice(VALUES)))
        properties[material.name(noise) if noise.random() < 0.6 else noise.choice(TAGS)] = one
    made: dict[str, Any] = {"type": "object", "properties": properties}
    if noise.random() < 0.8:
        made["required"] = [name for name in properties if noise.random() < 0.6]
    return made | ({"additionalProperties": False} if noise.random() < 0.4 else {})


def some_arguments(noise: random.Random, material: Material) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for _ in range(noise.randrange(1, 6)):
        name = noise.choice(TAGS) if noise.random() < 0.6 else material.name(noise)
        made[name] = noise.choice(
            (
                short_value(noise, material),
                noise.randrange(1000),
                noise.random() < 0.5,
                [short_value(noise, material) for _ in range(noise.randrange(4))],
            )
        )
    return made
