"""The multilingual Universal Sentence Encoder as three ONNX graphs, written from its weights with numpy alone.

The first gives what each token is by itself: its embedding, and its projections. The second makes a row for each token of
that: the embedding beside what three stacks of convolutions make of its neighbours' projections (Yang et al., "Multilingual
Universal Sentence Encoder for Semantic Retrieval", arXiv 1907.04307). The third makes a sentence embedding from a sum of rows,
by a small dense network. Knows nothing about files or sessions.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from lethe.classifier.encoders.graph_writer import GraphWriter, token_ids
from lethe.classifier.settings import Precision

UseWeights = Mapping[str, NDArray[Any]]

# By the width of a branch's windows, how many of a window's tokens stand before its own.
_TOKENS_BEFORE = {2: 0, 3: 1, 5: 2}
_TO_THE_END = np.iinfo(np.int64).max


def build_tokens_graph(weights: UseWeights) -> onnx.ModelProto:
    """Write the graph: ``input_ids`` (T,) int64 -> ``tokens`` (T, row width) float32, each whatever stands beside it."""
    writer = GraphWriter("float32")
    epsilon = float(weights["eps"])
    embedded = _embeddings(writer, weights)
    # In int8 this layer alone costs more agreement than all others together, and takes little time.
    projected = writer.exact_linear(
        embedded,
        "projection",
        np.concatenate([weights[f"proj{width}"] for width in _TOKENS_BEFORE], axis=1),
        np.concatenate([weights[f"proj_b{width}"] for width in _TOKENS_BEFORE]),
    )
    # Branches are normalised together, as the package that the weights come from does.
    scale, bias = (
        np.concatenate([weights[f"{name}{width}"] for width in _TOKENS_BEFORE]) for name in ("ln_g", "ln_b")
    )
    projected = writer.normalise(projected, "projection.normalised", scale, bias, epsilon)
    joined = writer.node("Concat", [embedded, projected], "joined", axis=1)
    return writer.finish([token_ids()], joined, "tokens", len(weights["ln_g"]))


def build_rows_graph(weights: UseWeights, precision: Precision) -> onnx.ModelProto:
    """Write the graph: ``tokens`` -> ``hidden``, (T, row width) float32 each."""
    writer = GraphWriter(precision)
    width_of_row = len(weights["ln_g"])
    sizes = [len(weights[f"proj_b{width}"]) for width in _TOKENS_BEFORE]
    embedded, *parts = writer.split(
        "tokens",
        [width_of_row - sum(sizes), *sizes],
        ["embedded", *(f"branch{width}" for width in _TOKENS_BEFORE)],
    )
    features = [embedded]
    for (width, before), value in zip(_TOKENS_BEFORE.items(), parts, strict=True):
        for layer in (1, 2):
            suffix = f"{layer}_{width}"
            weight, bias = weights[f"w{suffix}"], weights[f"b{suffix}"]
            value = _convolution(writer, value, f"convolution{suffix}", weight, bias, width, before)
        features.append(value)
    joined = writer.node("Concat", features, "features", axis=1)
    hidden = writer.normalise(joined, "normalised", weights["ln_g"], weights["ln_b"], float(weights["eps"]))
    inputs = [helper.make_tensor_value_info("tokens", TensorProto.FLOAT, ["rows", width_of_row])]
    return writer.finish(inputs, hidden, "hidden", width_of_row)


def build_pooling_graph(weights: UseWeights, precision: Precision) -> onnx.ModelProto:
    """Write the graph: ``sums`` (N, row width) of ``counts`` (N, 1) rows -> ``embeddings`` (N, dimension), of unit length."""
    writer = GraphWriter(precision)
    root = writer.node("Sqrt", ["counts"], "root")
    # The projection is linear, so it is done once for the sum of the rows.
    scaled = writer.node("Div", ["sums", root], "scaled")
    projected = writer.linear(scaled, "projection", weights["cnn_W"])
    bias = writer.node("Mul", [root, writer.constant("projection.bias", weights["cnn_b"][None])], "bias")
    sentence = writer.node("Add", [projected, bias], "sentence")
    first, skipped = _two_products(writer, sentence, "first", weights["d0"], weights["p1"])
    first = writer.node("Relu", [first], "first.activated")
    second = writer.node("Add", [writer.linear(first, "second", weights["d1"]), skipped], "second.total")
    second = writer.node("Relu", [second], "second.activated")
    third, skipped = _two_products(writer, second, "third", weights["d2"], weights["p3"])
    third = writer.node("Relu", [third], "third.activated")
    last = writer.node("Add", [writer.linear(third, "last", weights["d3"]), skipped], "last.total")
    bounded = writer.node("Tanh", [last], "bounded")
    embeddings = writer.node("LpNormalization", [bounded], "unit", axis=1, p=2)
    inputs = [
        helper.make_tensor_value_info("sums", TensorProto.FLOAT, ["rows", len(weights["cnn_W"])]),
        helper.make_tensor_value_info("counts", TensorProto.FLOAT, ["rows", 1]),
    ]
    return writer.finish(inputs, embeddings, "embeddings", weights["d3"].shape[1])


def token_table(weights: UseWeights) -> NDArray[np.uint8]:
    """Tokens' embeddings as bytes, (V, 512): a token's group, its id modulo the number of groups, has their scale."""
    table = np.stack([weights[f"q{group + 1}"] for group in range(len(weights["scale"]))], axis=1)
    return table.reshape(-1, table.shape[-1])


def _embeddings(writer: GraphWriter, weights: UseWeights) -> str:
    """(T, 512): bytes, each with the scale and the offset of one of a few groups that rows belong to in turn."""
    groups = len(weights["scale"])
    table = token_table(weights)
    group = writer.node("Mod", ["input_ids", writer.constant("groups", np.array(groups))], "group")
    scale, offset = (
        writer.node("Gather", [writer.constant(f"{name}s", weights[name][:, None]), group], name)
        for name in ("scale", "lo")
    )
    kept = writer.node("Gather", [writer.constant("table", table), "input_ids"], "kept")
    kept = writer.node("Cast", [kept], "bytes", to=TensorProto.FLOAT)
    scaled = writer.node("Mul", [kept, scale], "bytes.scaled")
    return writer.node("Add", [scaled, offset], "embedded")


def _convolution(
    writer: GraphWriter,
    value: str,
    name: str,
    weight: NDArray[np.float32],
    bias: NDArray[np.float32],
    width: int,
    before: int,
) -> str:
    """A residual convolution over tokens, zeros beyond both ends; `weight` is (width * channels, channels)."""
    around = writer.constant(f"padding{width}", np.array([before, 0, width - 1 - before, 0], np.int64))

    def windows(rows: str, nought: str) -> str:
        """(T, width * channels): the same rows, shifted by one token after another."""
        padded = writer.node("Pad", [rows, around, nought], f"{name}.padded")
        shifted = [
            writer.node(
                "Slice",
                [
                    padded,
                    writer.constant(f"start{place}", np.array([place], np.int64)),
                    writer.constant(
                        f"end{width - place}", np.array([place - width + 1 or _TO_THE_END], np.int64)
                    ),
                    writer.constant("rows", np.array([0], np.int64)),
                ],
                f"{name}.{place}",
            )
            for place in range(width)
        ]
        return writer.node("Concat", shifted, f"{name}.windows", axis=1)

    product = writer.linear(value, name, weight, bias, windows)
    activated = writer.node("Relu", [product], f"{name}.activated")
    return writer.node("Add", [activated, value], f"{name}.residual")


def _two_products(
    writer: GraphWriter, value: str, name: str, left: NDArray[np.float32], right: NDArray[np.float32]
) -> list[str]:
    product = writer.linear(value, name, np.concatenate([left, right], axis=1))
    return writer.split(product, [left.shape[1], right.shape[1]], [f"{name}.left", f"{name}.right"])
