"""What is particular to each endpoint: a class for each, all in one file of its own."""

from lethe.server.endpoints.anthropic import CountTokensRequest, MessagesRequest
from lethe.server.endpoints.chat import ChatRequest
from lethe.server.endpoints.classify import ClassifyRequest
from lethe.server.endpoints.completion import CompletionRequest
from lethe.server.endpoints.embeddings import EmbeddingsRequest
from lethe.server.endpoints.pooling import PoolingRequest
from lethe.server.endpoints.responses import ResponsesRequest
from lethe.server.endpoints.scores import RerankRequest, ScoreRequest

GUARDED = (
    ChatRequest,
    CompletionRequest,
    ResponsesRequest,
    EmbeddingsRequest,
    ScoreRequest,
    RerankRequest,
    PoolingRequest,
    ClassifyRequest,
    MessagesRequest,
    CountTokensRequest,
)

__all__ = [
    "GUARDED",
    "ChatRequest",
    "ClassifyRequest",
    "CompletionRequest",
    "CountTokensRequest",
    "EmbeddingsRequest",
    "MessagesRequest",
    "PoolingRequest",
    "RerankRequest",
    "ResponsesRequest",
    "ScoreRequest",
]
