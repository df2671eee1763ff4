"""Sessions of ONNX Runtime on graphs that are written once and kept in a cache."""

from collections.abc import Callable
from pathlib import Path

import onnx

from lethe.bundle.files import replace_file
from lethe.classifier.encoders.files import EncoderFiles
from lethe.classifier.encoders.graph_writer import GRAPH_VERSION
from lethe.classifier.encoders.onnx_runtime import onnxruntime
from lethe.classifier.errors import ClassifierError


def open_session(
    files: EncoderFiles,
    kind: str,
    cache_folder: Path,
    build: Callable[[], onnx.ModelProto],
    *,
    threads: int,
) -> onnxruntime.InferenceSession:
    """Start a session on an encoder's graph.

    Parameters
    ----------
    kind
        What tells the graph from others of the same files.
    build
        Writes the graph where the cache lacks it.

    Raises
    ------
    ClassifierError
        The files lack a weight that the graph needs.
    """
    path = cache_folder / f"{files.sha256[:16]}-{kind}-{GRAPH_VERSION}.onnx"
    if not path.exists():
        try:
            model = build()
        except KeyError as error:
            raise ClassifierError(f"encoder {files.id}: {files.folder} has no weight {error}") from None
        replace_file(path, model.SerializeToString())
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # A spinning thread would take a core from the server between requests.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
