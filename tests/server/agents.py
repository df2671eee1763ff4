"""What coding agents and chat front ends send, made after their public source: each request with a question and a tool's result.

Codex CLI after codex-rs (``codex-api``, ``protocol/models``, ``tools``), Claude Code after what it is known to send, Cline after
``src/api``, Continue after ``core/llm/openaiTypeConverters.ts``, Open WebUI after ``routers/openai.py`` and ``utils``, LibreChat and
LangGraph after LangChain's ``ChatOpenAI``, which both ask with, vLLM's semantic router after ``pkg/extproc``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.server.anthropic_requests import agent_body
from tests.server.stack import MODEL

PICTURE = "data:image/png;base64,iVBORw0KGgo="
_PROMPT = "You work on a user's code. Be brief, and run the tests before you say that you are done.\n" * 100


@dataclass(frozen=True)
class Agent:
    """A client.

    Attributes
    ----------
    path
        Where it asks.
    body
        Its request, from what the user asks and what a tool brought.
    """

    path: str
    body: Callable[[str, str], dict[str, Any]]


def _schema(*names: str) -> dict[str, Any]:
    properties = {name: {"type": "string", "description": f"The {name}."} for name in names}
    return {
        "type": "object",
        "properties": properties,
        "required": list(names),
        "additionalProperties": False,
    }


def _function(name: str, *parameters: str, **fields: Any) -> dict[str, Any]:
    described = {
        "name": name,
        "description": f"{name} does it. " * 40,
        "parameters": _schema(*parameters),
        **fields,
    }
    return {"type": "function", "function": described}


def _call(number: int, name: str, arguments: str) -> dict[str, Any]:
    return {"id": f"call_{number}", "type": "function", "function": {"name": name, "arguments": arguments}}


def _said(role: str, *texts: str) -> dict[str, Any]:
    kind = "output_text" if role == "assistant" else "input_text"
    return {
        "type": "message",
        "role": role,
        "content": [{"type": kind, "text": text} for text in texts],
    }


def codex(question: str, result: str) -> dict[str, Any]:
    """A later turn of Codex CLI's: reasoning, two calls at once, a patch, and tools of every kind that it runs itself."""
    reasoning = {
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": "**Looking around**"}],
        "content": None,
        "encrypted_content": None,
    }
    patch = "*** Begin Patch\n*** Update File: a.py\n-a = 1\n+a = 2\n*** End Patch"
    tools = [
        {
            "type": "function",
            "name": "exec_command",
            "description": "Runs a command in a PTY.",
            "strict": False,
            "parameters": _schema("cmd", "workdir"),
        },
        {
            "type": "function",
            "name": "update_plan",
            "description": "Updates the task plan.",
            "strict": False,
            "parameters": _schema("explanation"),
        },
        {"type": "custom", "name": "apply_patch", "description": "Edits files.", "format": {"type": "text"}},
        {
            "type": "namespace",
            "name": "collaboration",
            "description": "Other agents.",
            "tools": [
                {
                    "type": "function",
                    "name": "spawn_agent",
                    "description": "Starts one.",
                    "strict": False,
                    "parameters": _schema("message"),
                }
            ],
        },
    ]
    return {
        "model": MODEL,
        "instructions": _PROMPT,
        "input": [
            _said("developer", "<permissions instructions>read-only</permissions instructions>"),
            _said("user", "<environment_context><cwd>/src</cwd></environment_context>"),
            _said("user", "Look around first."),
            reasoning,
            {
                "type": "function_call",
                "name": "exec_command",
                "arguments": '{"cmd":"ls"}',
                "call_id": "call_1",
            },
            {
                "type": "function_call",
                "name": "spawn_agent",
                "namespace": "collaboration",
                "arguments": '{"message":"read"}',
                "call_id": "call_2",
            },
            {"type": "function_call_output", "call_id": "call_1", "output": result},
            {
                "type": "function_call_output",
                "call_id": "call_2",
                "output": [{"type": "input_text", "text": "Done."}],
            },
            {
                "type": "custom_tool_call",
                "status": "completed",
                "call_id": "call_3",
                "name": "apply_patch",
                "input": patch,
            },
            {"type": "custom_tool_call_output", "call_id": "call_3", "output": "Success."},
            _said("assistant", "I changed a.py."),
            _said("user", question),
        ],
        "tools": tools,
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "reasoning": {"effort": "medium", "summary": "auto"},
        "store": False,
        "include": ["reasoning.encrypted_content"],
        "prompt_cache_key": "0199a213-81c0-7800-8aa1-bbab2a035a53",
        "text": {"verbosity": "low"},
        "client_metadata": {"x-codex-installation-id": "0199a213"},
    }


def claude_code(question: str, result: str) -> dict[str, Any]:
    """A later turn of Claude Code's."""
    body = agent_body(2, result, stream=False)
    asked = {"role": "user", "content": [{"type": "text", "text": question}]}
    return body | {"messages": [*body["messages"], {"role": "assistant", "content": "Done."}, asked]}


def cline(question: str, result: str) -> dict[str, Any]:
    """A later turn of Cline's: tools in the prompt's own words, the surroundings after each task."""
    surroundings = {
        "type": "text",
        "text": "<environment_details>\n# VSCode Visible Files\na.py\n</environment_details>",
    }
    return {
        "model": MODEL,
        "messages": [
            {"role": "system", "content": _PROMPT + "<read_file><path>File path here</path></read_file>"},
            {"role": "user", "content": [{"type": "text", "text": "<task>\nLook.\n</task>"}, surroundings]},
            {"role": "assistant", "content": "<read_file>\n<path>a.py</path>\n</read_file>"},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": f"[read_file for 'a.py'] Result:\n{result}"},
                    {"type": "text", "text": f"<feedback>\n{question}\n</feedback>"},
                    surroundings,
                ],
            },
        ],
        "temperature": 0,
        "stream_options": {"include_usage": True},
    }


def continue_chat(question: str, result: str) -> dict[str, Any]:
    """A turn of Continue's agent: a blank where a message has no content."""
    call = _call(1, "read_file", '{"filepath":"a.py"}')
    return {
        "messages": [
            {"role": "system", "content": "<important_rules>You are in agent mode.</important_rules>"},
            {"role": "user", "content": "Look at a.py"},
            {"role": "assistant", "content": " ", "tool_calls": [call]},
            {"role": "tool", "content": result, "tool_call_id": "call_1"},
            {"role": "user", "content": question},
        ],
        "model": MODEL,
        "max_tokens": 4096,
        "tools": [_function(f"builtin_{number}", "filepath") for number in range(15)],
        "parallel_tool_calls": False,
    }


def continue_completion(question: str, result: str) -> dict[str, Any]:
    """What Continue asks to complete code: a prefix and a suffix."""
    return {
        "model": MODEL,
        "prompt": f"# Path: a.py\n# {result}\ndef answer():\n    # {question}\n    ",
        "suffix": "\n\n\nprint(answer())\n",
        "max_tokens": 4096,
        "temperature": 0.01,
        "stop": ["<fim_prefix>", "\n\n", "/src/"],
    }


def open_webui(question: str, result: str) -> dict[str, Any]:
    """A question to Open WebUI with documents that it has found."""
    found = f'<context>\n<source id="1" name="a.md">{result}</source>\n</context>'
    return {
        "stream_options": {"include_usage": True},
        "model": MODEL,
        "messages": [
            {"role": "system", "content": "User Context:\n\n1. [2026-01-01]. Likes tea."},
            {"role": "user", "content": "Hello"},
            {"role": "assistant", "content": "Hello!"},
            {"role": "user", "content": f"### Task:\nRespond to the user query.\n{found}\n\n{question}"},
        ],
        "tools": [_function("tool_search_web_post", "query")],
        "params": {},
        "max_tokens": 1000,
    }


def librechat(question: str, result: str) -> dict[str, Any]:
    """A turn of an agent in LibreChat."""
    return {
        "model": MODEL,
        "temperature": 1,
        "top_p": 1,
        "user": "65f0c0ffee",
        "stream_options": {"include_usage": True},
        "messages": [
            {"role": "system", "name": "instructions", "content": "Instructions:\nBe kind."},
            {"role": "user", "content": [{"type": "text", "text": "What is there?"}]},
            {"role": "assistant", "content": "", "tool_calls": [_call(1, "file_search", '{"query":"tea"}')]},
            {
                "role": "tool",
                "name": "file_search",
                "tool_call_id": "call_1",
                "content": [{"type": "text", "text": result}],
            },
            {"role": "user", "content": [{"type": "text", "text": question}]},
        ],
        "tools": [_function("file_search", "query", strict=False), _function("web_search_mcp_one", "query")],
        "tool_choice": "auto",
    }


def langgraph(question: str, result: str) -> dict[str, Any]:
    """A supervisor's step in a graph: two calls at once, and agents with names."""
    calls = [_call(1, "search", '{"query":"a"}'), _call(2, "search", '{"query":"b"}')]
    return {
        "model": MODEL,
        "messages": [
            {"role": "developer", "content": "You supervise two agents."},
            {"role": "user", "content": question},
            {"role": "assistant", "name": "researcher", "content": None, "tool_calls": calls},
            {"role": "tool", "tool_call_id": "call_1", "content": "Nothing."},
            {"role": "tool", "tool_call_id": "call_2", "content": result},
            {"role": "assistant", "name": "researcher", "content": "I found it."},
            {"role": "user", "name": "supervisor", "content": "Go on."},
        ],
        "tools": [_function("transfer_to_writer", "reason", strict=True)],
        "parallel_tool_calls": False,
        "stream_options": {"include_usage": True},
        "max_completion_tokens": 512,
    }


def semantic_router(question: str, result: str) -> dict[str, Any]:
    """A chat as vLLM's semantic router passes it on: the model chosen, a system prompt put first, reasoning switched on."""
    return {
        "model": MODEL,
        "messages": [
            {"role": "system", "content": "You are an expert of computer science."},
            {"role": "user", "content": f"Context:\n{result}"},
            {"role": "assistant", "content": "I have read it."},
            {"role": "user", "content": question},
        ],
        "chat_template_kwargs": {"enable_thinking": True},
        "reasoning_effort": "medium",
        "stream_options": {"include_usage": True},
    }


CHAT = "/v1/chat/completions"
AGENTS = {
    "codex": Agent("/v1/responses", codex),
    "claude-code": Agent("/v1/messages", claude_code),
    "cline": Agent(CHAT, cline),
    "continue": Agent(CHAT, continue_chat),
    "continue-completion": Agent("/v1/completions", continue_completion),
    "open-webui": Agent(CHAT, open_webui),
    "librechat": Agent(CHAT, librechat),
    "langgraph": Agent(CHAT, langgraph),
    "semantic-router": Agent(CHAT, semantic_router),
}
