"""What is particular to each endpoint: a class for each, all in one file of its own."""

from lethe.server.endpoints.anthropic import CountTokensRequest, MessagesRequest
from lethe.server.endpoints.chat import ChatRequest
from lethe.server.endpoints.completion import CompletionRequest
from lethe.server.endpoints.embeddings import EmbeddingsRequest
from lethe.server.endpoints.responses import ResponsesRequest

GUARDED = (
    ChatRequest,
    CompletionRequest,
    ResponsesRequest,
    EmbeddingsRequest,
    MessagesRequest,
    CountTokensRequest,
)

__all__ = [
    "GUARDED",
    "ChatRequest",
    "CompletionRequest",
    "CountTokensRequest",
    "EmbeddingsRequest",
    "MessagesRequest",
    "ResponsesRequest",
]
