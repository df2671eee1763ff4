"""``POST /score`` and ``/rerank``: how well texts go with others.

The model reads a query and a document at a time, so each pair is judged as a prompt: the query as what is asked, the document
as material.
"""

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Annotated, Any, ClassVar

import pydantic
from pydantic import Field

from lethe.classifier.conversation import Conversation
from lethe.server.endpoints.field_kinds import Scored
from lethe.server.endpoints.messages import check_message, leftovers
from lethe.server.endpoints.pooled import PooledBody, PooledRequest
from lethe.server.errors import BadRequest

_SCORE_NAMES = (("queries", "documents"), ("queries", "items"), ("text_1", "text_2"), ("data_1", "data_2"))
_READ_ALONGSIDE = ("instruction", "chat_template_kwargs")


class _PairsBody(PooledBody):
    instruction: Annotated[str | None, Field(description="What the pairs are scored for; judged.")] = None
    chat_template_kwargs: Annotated[
        dict[str, Any] | None, Field(description="What the chat template is told; judged.")
    ] = None


class ScoreBody(_PairsBody):
    """Texts, by one of the pairs of names that the engine knows."""

    model_config = pydantic.ConfigDict(
        json_schema_extra={"oneOf": [{"required": [*pair]} for pair in _SCORE_NAMES]}
    )

    queries: Annotated[
        Scored | None, Field(description="A text or several, with `documents` or `items`; judged.")
    ] = None
    documents: Annotated[Scored | None, Field(description="What they are compared with; judged.")] = None
    items: Annotated[Scored | None, Field(description="The same, by another name.")] = None
    text_1: Annotated[Scored | None, Field(description="The queries by another name, with `text_2`.")] = None
    text_2: Annotated[Scored | None, Field(description="The documents by another name.")] = None
    data_1: Annotated[Scored | None, Field(description="The queries by another name, with `data_2`.")] = None
    data_2: Annotated[Scored | None, Field(description="The documents by another name.")] = None


class RerankBody(_PairsBody):
    """A query and what is to be put in order for it."""

    query: Annotated[Scored, Field(description="A text; judged.")]
    documents: Annotated[Scored, Field(description="What is put in order; judged.")]


class _PairsRequest(PooledRequest):
    """A request that has queries and documents.

    Attributes
    ----------
    names
        The pairs of fields that may hold them.
    """

    names: ClassVar[Sequence[tuple[str, str]]]

    def check(self) -> None:
        """See `EngineRequest.check`; it refuses, besides, texts by several pairs of names, of which the engine takes one."""
        given = self._given()
        if given not in self.names:
            pairs = ", or ".join(f"{queries} and {documents}" for queries, documents in self.names)
            raise BadRequest(f"the body must have {pairs}, and no other of these", param=self.names[0][0])
        for name in given:
            several = isinstance(self.body[name], list)
            for index, message in enumerate(_messages(self.body[name], "user")):
                check_message(message, f"{name}.{index}" if several else name)

    def conversations(self, decoded_prompts: list[str]) -> Iterator[Conversation]:
        """One conversation for each pair that the model reads."""
        queries_name, documents_name = self._given()
        queries = _messages(self.body[queries_name], "user")
        documents = _messages(self.body[documents_name], "document")
        if len(queries) == 1:
            queries *= len(documents)
        alongside = [value for name in _READ_ALONGSIDE if (value := self.body.get(name))]
        for pair in zip_longest(queries, documents):
            messages = [message for message in pair if message]
            further = leftovers([message | {"role": "user"} for message in messages])
            yield Conversation.from_openai_messages(messages, fields=alongside + further)

    def _given(self) -> tuple[str, ...]:
        known = dict.fromkeys(name for pair in self.names for name in pair)
        return tuple(name for name in known if self.body.get(name) is not None)


class ScoreRequest(_PairsRequest):
    """A request for the scores of pairs of texts."""

    path = "/score"
    aliases = ("/v1/score",)
    description = (
        "How well texts go with others, pair by pair; judged, recorded and passed as embeddings are. "
        "`/v1/score` is the same."
    )
    operation = "score"
    Body = ScoreBody
    names = _SCORE_NAMES
    media_fields = tuple({name: None for pair in _SCORE_NAMES for name in pair})


class RerankRequest(_PairsRequest):
    """A request for documents in the order in which they go with a query."""

    path = "/rerank"
    aliases = ("/v1/rerank", "/v2/rerank")
    description = (
        "Documents in the order in which they go with a query; judged, recorded and passed as embeddings are. "
        "`/v1/rerank` and `/v2/rerank` are the same."
    )
    operation = "rerank"
    Body = RerankBody
    names = (("query", "documents"),)
    media_fields = ("query", "documents")


def _messages(given: Any, role: str) -> list[dict[str, Any]]:
    texts = given if isinstance(given, list) else [given]
    return [{"role": role, "content": text if isinstance(text, str) else text["content"]} for text in texts]
