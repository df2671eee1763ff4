"""ONNX graphs written node by node with numpy: the parts that encoders of all families share.

Precision ``int8`` stores the weights of every linear layer as int8 with one scale for each output channel, and quantises
activations on the fly (`com.microsoft.DynamicQuantizeMatMul`). Everything else stays in float32. Knows nothing about
files or sessions.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from lethe.classifier.settings import Precision

# Increase when a graph changes, so that graphs in caches are made anew.
GRAPH_VERSION = 2

MICROSOFT = "com.microsoft"


class GraphWriter:
    """Collects nodes and constants; every method gives the name of the value that it computes."""

    def __init__(self, precision: Precision) -> None:
        self._precision = precision
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: dict[str, onnx.TensorProto] = {}

    def node(
        self, operator: str, inputs: Sequence[str], output: str, domain: str = "", **attributes: Any
    ) -> str:
        self._nodes.append(helper.make_node(operator, inputs, [output], domain=domain, **attributes))
        return output

    def split(self, value: str, sizes: Sequence[int], outputs: Sequence[str]) -> list[str]:
        """Cut a value along its last axis."""
        named = self.constant(f"{value}.sizes", np.array(sizes, np.int64))
        self._nodes.append(helper.make_node("Split", [value, named], list(outputs), axis=-1))
        return list(outputs)

    def constant(self, name: str, value: NDArray[Any]) -> str:
        if name not in self._initializers:
            self._initializers[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def linear(
        self,
        value: str,
        name: str,
        weight: NDArray[np.float32],
        bias: NDArray[np.float32] | None = None,
        arranged: Callable[[str, str], str] | None = None,
    ) -> str:
        """A linear layer in the graph's precision.

        Parameters
        ----------
        weight
            (in, out).
        bias
            (out,).
        arranged
            Makes of the value, and of what stands for nought in it, what is multiplied: its numbers in other places, some of them
            several times. In int8 they are quantised once, before that.
        """
        if self._precision == "float32":
            if arranged is not None:
                value = arranged(value, self.constant("nought", np.zeros((), np.float32)))
            return self.exact_linear(value, name, weight, bias)
        biases = [] if bias is None else [self.constant(f"{name}.bias", bias)]
        scale = np.maximum(np.abs(weight).max(axis=0), 1e-12) / 127
        quantised = self.constant(f"{name}.weight", np.round(weight / scale).astype(np.int8))
        scales = self.constant(f"{name}.scale", scale.astype(np.float32))
        noughts = self.constant(f"{name}.zero_point", np.zeros(len(scale), np.int8))
        if arranged is None:
            inputs = [value, quantised, scales, noughts, *biases]
            return self.node("DynamicQuantizeMatMul", inputs, f"{name}.sum", MICROSOFT)
        small = [f"{name}.{part}" for part in ("bytes", "bytes.scale", "bytes.nought")]
        self._nodes.append(helper.make_node("DynamicQuantizeLinear", [value], small))
        inputs = [arranged(small[0], small[2]), quantised, small[1], scales, small[2], noughts, *biases]
        return self.node("MatMulIntegerToFloat", inputs, f"{name}.sum", MICROSOFT)

    def exact_linear(
        self, value: str, name: str, weight: NDArray[np.float32], bias: NDArray[np.float32] | None = None
    ) -> str:
        """A linear layer in float32 whatever the graph's precision, for values that int8 would spoil."""
        product = self.node("MatMul", [value, self.constant(f"{name}.weight", weight)], f"{name}.product")
        if bias is None:
            return product
        return self.node("Add", [product, self.constant(f"{name}.bias", bias)], f"{name}.sum")

    def normalise(
        self, value: str, name: str, scale: NDArray[np.float32], bias: NDArray[np.float32], epsilon: float
    ) -> str:
        """Layer normalisation along the last axis."""
        parameters = [self.constant(f"{name}.weight", scale), self.constant(f"{name}.bias", bias)]
        return self.node("LayerNormalization", [value, *parameters], name, epsilon=epsilon)

    def finish(
        self, inputs: Sequence[onnx.ValueInfoProto], value: str, output: str, width: int
    ) -> onnx.ModelProto:
        """The graph that computes a value, (rows, width) float32, under the name `output`."""
        self._nodes.append(helper.make_node("Identity", [value], [output]))
        graph = helper.make_graph(
            self._nodes,
            "encoder",
            list(inputs),
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["rows", width])],
            list(self._initializers.values()),
        )
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid(MICROSOFT, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=9, producer_name="lethe")


def token_ids() -> onnx.ValueInfoProto:
    """The input of every encoder: ``input_ids`` (T,) int64."""
    return helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["tokens"])
