"""``POST /v1/embeddings``: judged and recorded as prompts are, and passed, since a vector tells nothing in words."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from lethe.classifier.conversation import Conversation
from lethe.server.endpoints.field_kinds import Prompts
from lethe.server.endpoints.requests import GuardedBody, ParsedRequest, parse_body, token_id_lists

ENDPOINT = "/v1/embeddings"


class EmbeddingsBody(GuardedBody):
    """The guarded part of a request for embeddings."""

    input: Annotated[
        Prompts, Field(description="A text or several, as texts or as token ids; each is judged.")
    ]
    # vLLM would take these in place of the input.
    messages: Annotated[None, Field(description="May not be given.")] = None


def parse_embeddings(raw: bytes) -> "EmbeddingsRequest":
    """Parse the body of ``POST /v1/embeddings``; see `parse_body` for errors."""
    return EmbeddingsRequest(ENDPOINT, parse_body(raw, EmbeddingsBody))


@dataclass(frozen=True)
class EmbeddingsRequest(ParsedRequest):
    """A request for embeddings of texts or token ids."""

    generates = False

    def token_id_prompts(self) -> list[list[int]]:
        """The inputs that came as token ids."""
        return token_id_lists(self.body["input"])

    def conversations(self, decoded_prompts: list[str]) -> Iterator[Conversation]:
        """One conversation for each input."""
        given = self.body["input"]
        for text in decoded_prompts or ([given] if isinstance(given, str) else given):
            yield Conversation.from_prompt(text)
