"""One engine of a model that answers fast and badly, and one proxy before it: what is compared is both sides of the guard."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from lethe.models.smollm2 import SMOLLM2
from tests.end_to_end.running_proxy import ROOT, RunningProxy, running_proxy
from tests.end_to_end.trace_collector import TraceCollector

# With these, what is said still depends on what is asked.
LAYERS = (0, 1, 26, 27, 28, 29)
PREFIX = "model.layers."


@pytest.fixture(scope="session")
def shallow_model(small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fifth of the small model's layers between its own embeddings, for which the shipped corruption is made."""
    folder = tmp_path_factory.mktemp("shallow") / "model"
    shutil.copytree(small_model, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    kept = {}
    for weights in small_model.glob("*.safetensors"):
        for name, tensor in load_file(weights).items():
            layer, _, part = name.removeprefix(PREFIX).partition(".")
            if not name.startswith(PREFIX):
                kept[name] = tensor
            elif int(layer) in LAYERS:
                kept[f"{PREFIX}{LAYERS.index(int(layer))}.{part}"] = tensor
    save_file(kept, folder / "model.safetensors", {"format": "pt"})
    config = json.loads((small_model / "config.json").read_text()) | {"num_hidden_layers": len(LAYERS)}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture(scope="session")
def targets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the shipped targets."""
    return shutil.copytree(ROOT / "targets", tmp_path_factory.mktemp("shallow-proxy") / "targets")


@pytest.fixture(scope="session")
def proxy(
    shallow_model: Path, lethe_cache: Path, targets: Path, engine_python: Path, collector: TraceCollector
) -> Iterator[RunningProxy]:
    """The proxy, with a forked engine."""
    settings = {
        "LETHE_ENGINE__MODEL": str(shallow_model),
        "LETHE_ENGINE__SERVED_MODEL_NAME": SMOLLM2,
        # What so few layers write is hardly language.
        "LETHE_POLICY__ON_UNREADABLE": "observe",
    }
    with running_proxy(lethe_cache, targets, collector.url, settings, engine_python) as running:
        yield running
