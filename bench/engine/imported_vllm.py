"""Imports what an engine of one process needs, for the server of `engine_job`, which is forked with it."""

import gc
import importlib

# With so many objects that stay, searching for garbage would take a fifth of the time.
gc.disable()
for _name in ("vllm.entrypoints.llm", "vllm.v1.worker.cpu_worker", "vllm.model_executor.models.llama"):
    importlib.import_module(_name)
gc.freeze()
gc.enable()
