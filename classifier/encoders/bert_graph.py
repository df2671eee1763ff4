"""A BERT-like encoder as an ONNX graph, written from its weights with numpy alone.

One window of tokens goes in without padding, so there is no attention mask, and what comes out for it
cannot depend on what else was asked at the same time. Knows nothing about files or sessions.

In ``int8`` embeddings, attention products, softmax, normalisation and GELU stay in float32: quantising those is what
costs agreement.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto

from lethe.classifier.encoders.graph_writer import MICROSOFT, GraphWriter, Precision, token_ids
from lethe.classifier.errors import ClassifierError

Weights = Mapping[str, NDArray[np.float32]]

_ACTIVATIONS = {"gelu": "Gelu", "gelu_new": "FastGelu", "gelu_pytorch_tanh": "FastGelu", "relu": "Relu"}


@dataclass(frozen=True)
class BertShape:
    """The sizes that the graph needs, read from a model's ``config.json``."""

    hidden: int
    layers: int
    heads: int
    maximum_tokens: int
    first_position: int
    activation: str
    epsilon: float

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "BertShape":
        """Read the sizes of a BERT or RoBERTa model.

        Raises
        ------
        ClassifierError
            The model is of another family.
        """
        family = config.get("model_type")
        activation = config.get("hidden_act", "gelu")
        if family not in ("bert", "roberta", "xlm-roberta") or activation not in _ACTIVATIONS:
            raise ClassifierError(
                f"encoder of type {family!r} with activation {activation!r} is not supported; "
                "give a BERT, RoBERTa or XLM-RoBERTa model, such as sentence-transformers/all-MiniLM-L6-v2"
            )
        # RoBERTa counts positions from the padding index on, which uses up the first rows.
        first_position = 0 if family == "bert" else int(config.get("pad_token_id", 1)) + 1
        return cls(
            hidden=int(config["hidden_size"]),
            layers=int(config["num_hidden_layers"]),
            heads=int(config["num_attention_heads"]),
            maximum_tokens=int(config["max_position_embeddings"]) - first_position,
            first_position=first_position,
            activation=activation,
            epsilon=float(config.get("layer_norm_eps", 1e-12)),
        )


def build_bert_graph(weights: Weights, shape: BertShape, precision: Precision) -> onnx.ModelProto:
    """Write the graph: ``input_ids`` (T,) int64 -> ``hidden`` (T, hidden) float32.

    Parameters
    ----------
    weights
        Tensors by the names that transformers gives them, without a ``bert.`` or ``roberta.`` prefix.
    """
    graph = _BertGraph(weights, shape, precision)
    hidden = graph.embeddings()
    for layer in range(shape.layers):
        hidden = graph.layer(hidden, f"encoder.layer.{layer}")
    return graph.finish(hidden)


class _BertGraph:
    def __init__(self, weights: Weights, shape: BertShape, precision: Precision) -> None:
        self._weights = weights
        self._shape = shape
        self._writer = GraphWriter(precision)

    def embeddings(self) -> str:
        start = self._shape.first_position
        table = self._weights["embeddings.position_embeddings.weight"][start:].copy()
        token_types = self._weights.get("embeddings.token_type_embeddings.weight")
        if token_types is not None:
            table += token_types[0]  # every token is of the first type, so its row is a constant
        words = self._weights["embeddings.word_embeddings.weight"].astype(np.float16)  # half the file
        words_at = self._writer.node(
            "Gather", [self._writer.constant("words", words), "input_ids"], "embeddings.words16"
        )
        words_at = self._writer.node("Cast", [words_at], "embeddings.words", to=TensorProto.FLOAT)
        length = self._writer.node("Shape", ["input_ids"], "length")
        positions = self._writer.node(
            "Slice",
            [
                self._writer.constant("positions", table),
                self._writer.constant("zero", np.zeros(1, np.int64)),
                length,
            ],
            "embeddings.positions",
        )
        return self._normalise_sum(words_at, positions, "embeddings.LayerNorm")

    def layer(self, hidden: str, name: str) -> str:
        attended = self._attention(hidden, f"{name}.attention.self")
        projected = self._linear(attended, [f"{name}.attention.output.dense"])
        hidden = self._normalise_sum(hidden, projected, f"{name}.attention.output.LayerNorm")
        inner = self._linear(hidden, [f"{name}.intermediate.dense"])
        operator = _ACTIVATIONS[self._shape.activation]
        domain = "" if operator == "Relu" else MICROSOFT
        inner = self._writer.node(operator, [inner], f"{name}.activation", domain)
        outer = self._linear(inner, [f"{name}.output.dense"])
        return self._normalise_sum(hidden, outer, f"{name}.output.LayerNorm")

    def finish(self, hidden: str) -> onnx.ModelProto:
        return self._writer.finish([token_ids()], hidden, "hidden", self._shape.hidden)

    def _attention(self, hidden: str, name: str) -> str:
        heads, width = self._shape.heads, self._shape.hidden // self._shape.heads
        packed = self._linear(hidden, [f"{name}.query", f"{name}.key", f"{name}.value"])  # (T, 3 * hidden)
        parts = self._writer.split(
            packed, [self._shape.hidden] * 3, [f"{name}.{part}.packed" for part in "qkv"]
        )
        by_head = self._writer.constant("by_head", np.array([-1, heads, width], np.int64))
        orders = {"q": (1, 0, 2), "k": (1, 2, 0), "v": (1, 0, 2)}  # (heads, T, width), keys transposed
        split = {
            part: self._writer.node(
                "Transpose",
                [self._writer.node("Reshape", [packed_part, by_head], f"{name}.{part}.heads")],
                f"{name}.{part}",
                perm=orders[part],
            )
            for part, packed_part in zip("qkv", parts, strict=True)
        }
        scale = self._writer.constant("attention_scale", np.array(width**-0.5, np.float32))
        scores = self._writer.node("MatMul", [split["q"], split["k"]], f"{name}.scores")  # (heads, T, T)
        scores = self._writer.node("Mul", [scores, scale], f"{name}.scaled")
        shares = self._writer.node("Softmax", [scores], f"{name}.shares", axis=-1)
        mixed = self._writer.node("MatMul", [shares, split["v"]], f"{name}.mixed")  # (heads, T, width)
        mixed = self._writer.node("Transpose", [mixed], f"{name}.mixed_by_token", perm=(1, 0, 2))
        together = self._writer.constant("together", np.array([-1, self._shape.hidden], np.int64))
        return self._writer.node("Reshape", [mixed, together], f"{name}.output")

    def _linear(self, value: str, layers: Sequence[str]) -> str:
        # (in, out): several layers on one input are one product.
        weight = np.concatenate([self._weights[f"{layer}.weight"] for layer in layers]).T
        bias = np.concatenate([self._weights[f"{layer}.bias"] for layer in layers])
        return self._writer.linear(value, layers[0], weight, bias)

    def _normalise_sum(self, left: str, right: str, layer: str) -> str:
        # Two plain operators: ONNX Runtime's fused SkipLayerNormalization is several times slower on CPU.
        total = self._writer.node("Add", [left, right], f"{layer}.total")
        weight, bias = (self._weights[f"{layer}.{part}"] for part in ("weight", "bias"))
        return self._writer.normalise(total, layer, weight, bias, self._shape.epsilon)
