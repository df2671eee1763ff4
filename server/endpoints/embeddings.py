"""``POST /v1/embeddings``: texts as vectors."""

from lethe.server.endpoints.pooled import InputRequest


class EmbeddingsRequest(InputRequest):
    """A request for embeddings of texts, token ids, or a conversation."""

    path = "/v1/embeddings"
    description = (
        "Embeddings of texts, or of a conversation: judged and recorded, and passed, since a vector tells nothing in words, "
        "unless `policy.on_pooled` refuses what is flagged."
    )
    operation = "embeddings"
