"""ONNX Runtime with its telemetry off. Nothing else imports it: it looks for the variable while it is imported."""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime  # noqa: TID251

__all__ = ["onnxruntime"]
