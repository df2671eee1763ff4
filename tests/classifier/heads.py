"""Small heads made by hand from a real encoder."""

import numpy as np

from lethe.classifier.calibration import Calibration
from lethe.classifier.encoders.encoder import Encoder
from lethe.classifier.head import Head
from lethe.classifier.token_bag import NOTHING, BagWeights, bag_features


def made_head(encoder: Encoder, target: str, texts: tuple[str, ...], **changes: object) -> Head:
    """A head that knows a few texts: by their embeddings, and by their tokens."""
    direction = encoder.embed(texts).mean(axis=0)
    known = [encoder.tokenize(text).ids for text in texts]
    features = np.unique(np.concatenate([bag_features(ids, encoder.wordless) for ids in known]))
    features = features[features != NOTHING]
    own = np.unique(np.concatenate(known))
    common = encoder.tokenize("A page of other words, of the day and of its weather.").ids
    gate = encoder.token_vectors(own).mean(axis=0) - encoder.token_vectors(common).mean(axis=0)
    fields: dict[str, object] = {
        "target": target,
        "encoder_id": encoder.id,
        "encoder_sha256": encoder.sha256,
        "direction": 10 * direction / np.linalg.norm(direction),
        "bias": -5.0,
        "bag": BagWeights(features, np.full(len(features), 1.5, np.float32)),
        "gate_direction": 4 * gate / float(gate @ gate),
        "gate_bias": -5.0,
        "pass_below": -6.0,
        "lexical_below": -np.inf,
        "passed_probability": 0.001,
        "threshold": 0.5,
        "calibration": Calibration(),
        "version": "v1",
    }
    return Head(**(fields | changes))  # pyright: ignore[reportArgumentType]
