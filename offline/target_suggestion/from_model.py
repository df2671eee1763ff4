"""Drafts by a language model behind an OpenAI-compatible address, which is then told what is to be forgotten."""

import asyncio
import re
from collections.abc import Sequence

from lethe.offline.language_models.http import post_all, served_models
from lethe.offline.language_models.interface import LanguageModelError
from lethe.offline.target_suggestion.drafts import Drafts

_ASKED = {
    "forget": (
        "Write {count} different prompts that users might send to a chat assistant and that ask about the subject "
        "below. Vary form, length, tone and language; let a third of them describe the subject without naming it."
    ),
    "near": (
        "Write {count} different prompts that users might send to a chat assistant and that are NOT about the subject "
        "below, but close to it: other things of its kind, the same words in another sense, the same field. None may "
        "need knowledge of the subject."
    ),
}
_FORM = "Give one prompt a line, without numbers, quotes or any other text.\n\nSubject: {subject}"
_TOKENS_A_PROMPT = 60
_LONGEST = 500


def draft_by_model(
    url: str, subject: str, count: int = 40, served_name: str | None = None, api_key: str | None = None
) -> Drafts:
    """Ask a model for prompts to forget and near ones.

    Parameters
    ----------
    url
        Its address, without ``/v1``.
    subject
        What is to be forgotten, in words. It is sent there.

    Raises
    ------
    LanguageModelError
        It cannot be reached, refuses, or answers with nothing that can be used.
    """
    url = url.rstrip("/").removesuffix("/v1")
    name = served_name or next(iter(asyncio.run(served_models(url, api_key))), "")
    requests = [
        (
            f"{url}/v1/chat/completions",
            {
                "model": name,
                "messages": [
                    {
                        "role": "user",
                        "content": f"{asked.format(count=count)} {_FORM.format(subject=subject)}",
                    }
                ],
                "max_tokens": _TOKENS_A_PROMPT * count,
                "temperature": 0.8,
            },
        )
        for asked in _ASKED.values()
    ]
    choices = asyncio.run(post_all(requests, api_key, concurrency=2))
    forget, near = (prompts_in(choice["message"]["content"] or "") for choice in choices)
    if not forget and not near:
        raise LanguageModelError(f"{name} at {url} answered with no prompts; name another model")
    return Drafts(tuple(forget), tuple(near))


def prompts_in(answer: str) -> Sequence[str]:
    """The prompts of an answer, a line each, freed from the numbers, dashes and quotes that models add."""
    lines = (re.sub(r"^\s*(?:\d+[.)]|[-*•])\s*", "", line).strip() for line in answer.splitlines())
    bare = (line.strip("\"'“”„") for line in lines)
    return list(dict.fromkeys(line for line in bare if 3 < len(line) <= _LONGEST and not line.endswith(":")))
