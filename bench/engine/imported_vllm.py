"""Imports what an engine needs, for the server that jobs are forked from; what they start is forked in turn."""

import gc
import importlib

from bench.engine.forked_processes import fork_processes

# With so many objects that stay, searching for garbage would take a fifth of the time.
gc.disable()
for _name in ("vllm.entrypoints.llm", "vllm.v1.worker.cpu_worker", "vllm.model_executor.models.llama"):
    importlib.import_module(_name)

from vllm.model_executor.models import registry  # noqa: E402

# vLLM looks at an architecture that it does not know yet in a process that imports all anew, to keep devices out of its
# own. A job has a process of its own, which loads that model next.
registry._run_in_subprocess = lambda fn: fn()
fork_processes()
gc.freeze()
gc.enable()
# An engine that ends would thaw all this and search it, before a process that ends with it.
gc.unfreeze = lambda: None
