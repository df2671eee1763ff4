"""From an encoder's name to an encoder that runs."""

from pathlib import Path

from lethe.classifier.encoders.bert import BertEncoder
from lethe.classifier.encoders.encoder import Encoder
from lethe.classifier.encoders.files import DEFAULT_ENCODER, find_encoder
from lethe.classifier.encoders.use import UseEncoder
from lethe.classifier.settings import Precision
from lethe.models.cache import cache_folder as lethe_cache_folder


def load_encoder(
    name: str = DEFAULT_ENCODER,
    *,
    precision: Precision = "int8",
    threads: int = 1,
    cache_folder: Path | None = None,
) -> Encoder:
    """Find an encoder, build its graph if the cache lacks it, and start a session.

    Parameters
    ----------
    name
        A folder, or a hub id; the default comes inside an installed package, and so does ``use-multilingual-v3``.
    precision
        ``int8`` is several times faster than ``float32`` and agrees with it (docs/benchmarks-classifier.md).
    threads
        Threads that one window may use. More windows at once use more workers, not more of these.
    cache_folder
        Where graphs are kept; ``$LETHE_CACHE_DIR/encoders`` or ``~/.cache/lethe/encoders`` by default.

    Raises
    ------
    ClassifierError
        The encoder is not found, or is of a family that is not supported.
    """
    files = find_encoder(name)
    family = {"bert": BertEncoder, "use": UseEncoder}[files.family]
    return family.load(files, precision, cache_folder or default_cache_folder(), threads=threads)


def default_cache_folder() -> Path:
    return lethe_cache_folder() / "encoders"
