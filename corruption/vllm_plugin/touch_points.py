"""What of vLLM's source the plugin stands on, and its digests; reads files and imports nothing of vLLM's.

A touch point is a function or class that the plugin replaces, or whose order of steps or fields it relies on.
"""

import ast
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

MISSING = "missing"

# By the file in vLLM's package.
_POINTS: Mapping[str, Sequence[str]] = {
    "plugins/__init__.py": ("load_general_plugins", "load_plugins_by_group"),
    "engine/arg_utils.py": ("EngineArgs.create_engine_config",),
    "v1/engine/__init__.py": ("EngineCoreRequest",),
    "v1/engine/input_processor.py": ("InputProcessor.__init__", "InputProcessor.process_inputs"),
    "v1/engine/core.py": ("EngineCore.preprocess_add_request",),
    "v1/request.py": ("Request.from_engine_core_request", "Request.update_block_hashes"),
    "v1/core/kv_cache_utils.py": (
        "generate_block_hash_extra_keys",
        "hash_block_tokens",
        "get_request_block_hasher",
    ),
    "v1/core/sched/output.py": ("NewRequestData", "SchedulerOutput"),
    "v1/worker/worker_base.py": ("WorkerWrapperBase.init_device",),
    "v1/worker/gpu_model_runner.py": (
        "GPUModelRunner._update_states",
        "GPUModelRunner._preprocess",
        "GPUModelRunner._model_forward",
        "GPUModelRunner.execute_model",
    ),
    "v1/worker/cpu_model_runner.py": ("CPUModelRunner",),
    "v1/worker/gpu/input_batch.py": ("InputBatch",),
    "v1/worker/gpu/model_runner.py": (
        "GPUModelRunner._remove_request",
        "GPUModelRunner.add_requests",
        "GPUModelRunner.prepare_inputs",
        "GPUModelRunner.execute_model",
    ),
    "v1/worker/gpu/model_states/interface.py": ("ModelState",),
    "v1/worker/gpu/model_states/default.py": ("DefaultModelState",),
    "v1/worker/lora_model_runner_mixin.py": ("LoRAModelRunnerMixin._set_active_loras",),
    "model_executor/layers/vocab_parallel_embedding.py": ("VocabParallelEmbedding.forward",),
    "model_executor/models/interfaces.py": ("requires_raw_input_tokens",),
    "model_executor/models/transformers/base.py": ("Base.embed_input_ids", "Base.forward"),
    "model_executor/models/transformers/utils.py": ("replace_embedding_class",),
    "lora/layers/vocab_parallel_embedding.py": ("VocabParallelEmbeddingWithLoRA",),
    "lora/ops/torch_ops/lora_ops.py": ("bgmv_expand", "bgmv_expand_slice"),
    "lora/punica_wrapper/punica_cpu.py": ("PunicaWrapperCPU",),
}


def digests(package: Path) -> dict[str, str]:
    """Digests of the source of every touch point, `MISSING` for one that is not there.

    A touch point is named by its file and its dotted name there: ``v1/request.py:Request.append_output``.

    Parameters
    ----------
    package
        vLLM's package folder.
    """
    return {
        f"{file}:{name}": _digest(lines)
        for file, names in _POINTS.items()
        for name, lines in zip(names, _sources(package / file, names), strict=True)
    }


def file_digest(package: Path) -> str:
    """One digest of all files that hold touch points, which is quick to take."""
    state = hashlib.sha256()
    for file in _POINTS:
        path = package / file
        state.update(hashlib.sha256(path.read_bytes() if path.exists() else b"").digest())
    return state.hexdigest()[:16]


def source_of(package: Path, point: str) -> list[str]:
    """The lines of a touch point's source; none if it is not there."""
    file, _, name = point.partition(":")
    (lines,) = _sources(package / file, [name])
    return lines


def described(points: Iterable[str]) -> str:
    """Touch points in one line, those of a file together."""
    pairs = [point.partition(":")[::2] for point in points]
    return "; ".join(
        f"{', '.join(name for _, name in of_file)} in vllm/{file}"
        for file, of_file in groupby(pairs, key=lambda pair: pair[0])
    )


def _digest(lines: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16] if lines else MISSING


def _sources(path: Path, names: Sequence[str]) -> Iterator[list[str]]:
    source = path.read_text() if path.exists() else ""
    lines, tree = source.splitlines(), ast.parse(source)
    for name in names:
        node = _find(tree, name.split("."))
        if node is None:
            yield []
        else:
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            yield [line.rstrip() for line in lines[first - 1 : node.end_lineno]]


def _find(
    tree: ast.Module | ast.ClassDef, name: Sequence[str]
) -> ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | None:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name == name[0]:
            if len(name) == 1:
                return node
            return _find(node, name[1:]) if isinstance(node, ast.ClassDef) else None
    return None
