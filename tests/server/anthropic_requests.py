"""What Anthropic's clients send: a coding agent's requests, made after the shapes that such agents are known to send."""

from typing import Any

from tests.server.stack import MODEL

CACHED = {"cache_control": {"type": "ephemeral"}}
BILLING = "x-anthropic-billing-header: cc_version=2.1.0; cc_entrypoint=cli; cch=0a1b2;"
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA"}}
_TOOLS = ("Bash", "Edit", "Glob", "Grep", "NotebookEdit", "Read", "Task", "TodoWrite", "WebFetch", "Write")


def message_body(text: str, **fields: Any) -> dict[str, Any]:
    """The body of a request with one message of the user."""
    return {
        "model": MODEL,
        "max_tokens": 16,
        "messages": [{"role": "user", "content": text}],
        **fields,
    }


def tool(name: str, description: str = "Does something.") -> dict[str, Any]:
    """A tool that the client runs."""
    properties = {"path": {"type": "string", "description": "An absolute path"}}
    schema = {"type": "object", "properties": properties, "required": ["path"], "additionalProperties": False}
    return {"name": name, "description": description, "input_schema": schema}


def turn(number: int, output: str) -> list[dict[str, Any]]:
    """What an agent thought, said and did, and what that brought."""
    call = f"toolu_{number:024}"
    said = [
        {"type": "thinking", "thinking": "The file has to be read first.", "signature": "c2ln"},
        {"type": "text", "text": f"Step {number}: I read the file."},
        {"type": "tool_use", "id": call, "name": "Read", "input": {"path": f"/src/{number}.py"}},
    ]
    result = {"type": "tool_result", "tool_use_id": call, "content": [{"type": "text", "text": output}]}
    return [{"role": "assistant", "content": said}, {"role": "user", "content": [result | CACHED]}]


def agent_body(turns: int, output: str, **fields: Any) -> dict[str, Any]:
    """The body of a coding agent's request: a long system prompt, many tools, and what has been done so far.

    Parameters
    ----------
    turns
        How often a tool was called.
    output
        What each call brought.
    """
    system = [
        {"type": "text", "text": BILLING},
        {"type": "text", "text": "You are an agent that works on code.", **CACHED},
        {"type": "text", "text": "# Tone\nBe brief. Run the tests before you say that you are done.\n" * 150}
        | CACHED,
    ]
    reminder = {"type": "text", "text": "<system-reminder>Today is Monday.</system-reminder>"}
    asked = {"type": "text", "text": "Rename the function in every file.", **CACHED}
    done = [message for number in range(turns) for message in turn(number, output)]
    tools = [tool(name, f"{name} does what its name says. " * 60) for name in _TOOLS]
    return {
        "model": MODEL,
        "max_tokens": 32000,
        "system": system,
        "messages": [{"role": "user", "content": [reminder, asked]}, *done],
        "tools": tools + [tool(f"mcp__server__tool_{number}") for number in range(40)],
        "metadata": {"user_id": "user_0a1b_account__session_2c3d"},
        "thinking": {"type": "enabled", "budget_tokens": 31999},
        "temperature": 1,
        "stream": True,
        **fields,
    }
