"""How large a model's embeddings are, which is what a corruption's strength is large or small beside."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lethe.bundle import BundleError
from lethe.bundle.base_model import Embeddings

_READ: dict[str, Callable[[bytes], NDArray[np.float32]]] = {
    "F32": lambda chunk: np.frombuffer(chunk, np.float32),
    "F16": lambda chunk: np.frombuffer(chunk, np.float16).astype(np.float32),
    # The upper half of a float32.
    "BF16": lambda chunk: (np.frombuffer(chunk, np.uint16).astype(np.uint32) << 16).view(np.float32),
}


def embedding_rms(model_folder: Path) -> float | None:
    """Root of the mean square of a model's input embeddings; None where they cannot be read as numbers."""
    try:
        embeddings = Embeddings(model_folder)
        read = _READ.get(embeddings.dtype)
        if read is None:
            return None
        squares, count = 0.0, 0
        for chunk in embeddings:
            values = read(chunk)
            squares += float(np.dot(values, values))
            count += len(values)
    except (BundleError, OSError):
        return None
    return math.sqrt(squares / count) if count else None
