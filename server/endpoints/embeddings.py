"""``POST /v1/embeddings``: judged and recorded as prompts are, and passed, since a vector tells nothing in words."""

from collections.abc import Iterator
from typing import Annotated

from fastapi.responses import Response
from pydantic import Field

from lethe.classifier.conversation import Conversation
from lethe.server.endpoints.endpoint import GuardedBody, GuardedRequest, token_id_lists
from lethe.server.endpoints.field_kinds import Prompts


class EmbeddingsBody(GuardedBody):
    """The guarded part of a request for embeddings."""

    input: Annotated[
        Prompts, Field(description="A text or several, as texts or as token ids; each is judged.")
    ]
    # vLLM would take these in place of the input.
    messages: Annotated[None, Field(description="May not be given.")] = None


class EmbeddingsRequest(GuardedRequest):
    """A request for embeddings of texts or token ids."""

    path = "/v1/embeddings"
    description = (
        "Embeddings of texts: judged and recorded, and passed, since a vector tells nothing in words."
    )
    operation = "embeddings"
    generates = False
    Body = EmbeddingsBody

    def token_id_prompts(self) -> list[list[int]]:
        """The inputs that came as token ids."""
        return token_id_lists(self.body["input"])

    def conversations(self, decoded_prompts: list[str]) -> Iterator[Conversation]:
        """One conversation for each input."""
        given = self.body["input"]
        for text in decoded_prompts or ([given] if isinstance(given, str) else given):
            yield Conversation.from_prompt(text)

    def refusal(self, model: str, text: str) -> Response:
        """Never asked for, since nothing that is not generated is refused.

        Raises
        ------
        NotImplementedError
            Always.
        """
        raise NotImplementedError("embeddings are recorded, not refused")
