"""``POST /classify``: how likely a classifying model finds each of its labels for texts."""

from lethe.server.endpoints.pooled import InputRequest


class ClassifyRequest(InputRequest):
    """A request for the labels of texts, token ids, or a conversation."""

    path = "/classify"
    description = "The labels of texts, or of a conversation; judged, recorded and passed as embeddings are."
    operation = "classify"
