"""A BERT-like encoder as an ONNX graph, written from its weights with numpy alone.

One window of tokens goes in without padding, so there is no attention mask, and what comes out for it
cannot depend on what else was asked at the same time. Knows nothing about files or sessions.

Precision ``int8`` stores the weights of every linear layer as int8 with one scale for each output channel, and quantises
activations on the fly (`com.microsoft.DynamicQuantizeMatMul`). Embeddings, attention products, softmax,
normalisation and GELU stay in float32: quantising those is what costs agreement.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from lethe.classifier.errors import ClassifierError
from lethe.classifier.settings import Precision

Weights = Mapping[str, NDArray[np.float32]]

# Increase when the graph changes, so that graphs in caches are made anew.
GRAPH_VERSION = 1

_MICROSOFT = "com.microsoft"
_ACTIVATIONS = {"gelu": "Gelu", "gelu_new": "FastGelu", "gelu_pytorch_tanh": "FastGelu", "relu": "Relu"}


@dataclass(frozen=True)
class EncoderShape:
    """The sizes that the graph needs, read from a model's ``config.json``."""

    hidden: int
    layers: int
    heads: int
    maximum_tokens: int
    first_position: int
    activation: str
    epsilon: float

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "EncoderShape":
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


def build_graph(weights: Weights, shape: EncoderShape, precision: Precision) -> onnx.ModelProto:
    """Write the graph: ``input_ids`` (T,) int64 -> ``hidden`` (T, hidden) float32.

    Parameters
    ----------
    weights
        Tensors by the names that transformers gives them, without a ``bert.`` or ``roberta.`` prefix.
    """
    graph = _GraphWriter(weights, shape, precision)
    hidden = graph.embeddings()
    for layer in range(shape.layers):
        hidden = graph.layer(hidden, f"encoder.layer.{layer}")
    return graph.finish(hidden)


class _GraphWriter:
    def __init__(self, weights: Weights, shape: EncoderShape, precision: Precision) -> None:
        self._weights = weights
        self._shape = shape
        self._precision = precision
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: dict[str, onnx.TensorProto] = {}

    def embeddings(self) -> str:
        start = self._shape.first_position
        table = self._weights["embeddings.position_embeddings.weight"][start:].copy()
        token_types = self._weights.get("embeddings.token_type_embeddings.weight")
        if token_types is not None:
            table += token_types[0]  # every token is of the first type, so its row is a constant
        words = self._weights["embeddings.word_embeddings.weight"].astype(np.float16)  # half the file
        words_at = self._node("Gather", [self._constant("words", words), "input_ids"], "embeddings.words16")
        words_at = self._node("Cast", [words_at], "embeddings.words", to=TensorProto.FLOAT)
        length = self._node("Shape", ["input_ids"], "length")
        positions = self._node(
            "Slice",
            [self._constant("positions", table), self._constant("zero", np.zeros(1, np.int64)), length],
            "embeddings.positions",
        )
        return self._normalise_sum(words_at, positions, "embeddings.LayerNorm")

    def layer(self, hidden: str, name: str) -> str:
        attended = self._attention(hidden, f"{name}.attention.self")
        projected = self._linear(attended, [f"{name}.attention.output.dense"])
        hidden = self._normalise_sum(hidden, projected, f"{name}.attention.output.LayerNorm")
        inner = self._linear(hidden, [f"{name}.intermediate.dense"])
        operator = _ACTIVATIONS[self._shape.activation]
        domain = "" if operator == "Relu" else _MICROSOFT
        inner = self._node(operator, [inner], f"{name}.activation", domain)
        outer = self._linear(inner, [f"{name}.output.dense"])
        return self._normalise_sum(hidden, outer, f"{name}.output.LayerNorm")

    def finish(self, hidden: str) -> onnx.ModelProto:
        self._nodes.append(helper.make_node("Identity", [hidden], ["hidden"]))
        graph = helper.make_graph(
            self._nodes,
            "encoder",
            [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["tokens"])],
            [helper.make_tensor_value_info("hidden", TensorProto.FLOAT, ["tokens", self._shape.hidden])],
            list(self._initializers.values()),
        )
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid(_MICROSOFT, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=9, producer_name="lethe")

    def _attention(self, hidden: str, name: str) -> str:
        heads, width = self._shape.heads, self._shape.hidden // self._shape.heads
        packed = self._linear(hidden, [f"{name}.query", f"{name}.key", f"{name}.value"])  # (T, 3 * hidden)
        sizes = self._constant("qkv_sizes", np.full(3, self._shape.hidden, np.int64))
        parts = [f"{name}.{part}.packed" for part in "qkv"]
        self._nodes.append(helper.make_node("Split", [packed, sizes], parts, axis=-1))
        by_head = self._constant("by_head", np.array([-1, heads, width], np.int64))
        orders = {"q": (1, 0, 2), "k": (1, 2, 0), "v": (1, 0, 2)}  # (heads, T, width), keys transposed
        split = {
            part: self._node(
                "Transpose",
                [self._node("Reshape", [packed_part, by_head], f"{name}.{part}.heads")],
                f"{name}.{part}",
                perm=orders[part],
            )
            for part, packed_part in zip("qkv", parts, strict=True)
        }
        scale = self._constant("attention_scale", np.array(width**-0.5, np.float32))
        scores = self._node("MatMul", [split["q"], split["k"]], f"{name}.scores")  # (heads, T, T)
        scores = self._node("Mul", [scores, scale], f"{name}.scaled")
        shares = self._node("Softmax", [scores], f"{name}.shares", axis=-1)
        mixed = self._node("MatMul", [shares, split["v"]], f"{name}.mixed")  # (heads, T, width)
        mixed = self._node("Transpose", [mixed], f"{name}.mixed_by_token", perm=(1, 0, 2))
        together = self._constant("together", np.array([-1, self._shape.hidden], np.int64))
        return self._node("Reshape", [mixed, together], f"{name}.output")

    def _linear(self, value: str, layers: Sequence[str]) -> str:
        # (in, out): several layers on one input are one product.
        weight = np.concatenate([self._weights[f"{layer}.weight"] for layer in layers]).T
        bias = np.concatenate([self._weights[f"{layer}.bias"] for layer in layers])
        name = layers[0]
        bias_name = self._constant(f"{name}.bias", bias)
        if self._precision == "float32":
            product = self._node(
                "MatMul", [value, self._constant(f"{name}.weight", weight)], f"{name}.product"
            )
            return self._node("Add", [product, bias_name], f"{name}.sum")
        scale = np.maximum(np.abs(weight).max(axis=0), 1e-12) / 127
        quantised = np.round(weight / scale).astype(np.int8)
        inputs = [
            value,
            self._constant(f"{name}.weight", quantised),
            self._constant(f"{name}.scale", scale.astype(np.float32)),
            self._constant(f"{name}.zero_point", np.zeros(len(scale), np.int8)),
            bias_name,
        ]
        return self._node("DynamicQuantizeMatMul", inputs, f"{name}.sum", _MICROSOFT)

    def _normalise_sum(self, left: str, right: str, layer: str) -> str:
        # Two plain operators: ONNX Runtime's fused SkipLayerNormalization is several times slower on CPU.
        total = self._node("Add", [left, right], f"{layer}.total")
        parameters = [
            self._constant(f"{layer}.{part}", self._weights[f"{layer}.{part}"]) for part in ("weight", "bias")
        ]
        return self._node("LayerNormalization", [total, *parameters], layer, epsilon=self._shape.epsilon)

    def _node(
        self, operator: str, inputs: Sequence[str], output: str, domain: str = "", **attributes: Any
    ) -> str:
        self._nodes.append(helper.make_node(operator, inputs, [output], domain=domain, **attributes))
        return output

    def _constant(self, name: str, value: NDArray[Any]) -> str:
        if name not in self._initializers:
            self._initializers[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name
