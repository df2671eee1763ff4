"""``POST /pooling``: what a pooling model makes of texts, as it comes, for each text or each token."""

from lethe.server.endpoints.pooled import InputRequest


class PoolingRequest(InputRequest):
    """A request for what a pooling model makes of texts, token ids, or a conversation."""

    path = "/pooling"
    description = "What a pooling model makes of texts, or of a conversation; judged, recorded and passed as embeddings are."
    operation = "pooling"
    # What a plugin of the engine's own makes of it, nobody here knows.
    unread = ("data",)
