"""The vLLM general plugin that corrupts flagged prompts inside the engine.

vLLM calls `register` once in every process of an engine. The API server then checks each corruption request
and settles it by its own count of the prompt (`admission`); the scheduler's process keeps the blocks that it changes
apart in the prefix cache (`prefix_cache`); the workers carry it out (`attachment`). Before it serves, the engine proves
that all of this works (`proof`). Everything that knows vLLM's internals is in this package.
"""


def register() -> None:
    """Attach to vLLM, or raise `lethe.corruption.vllm_plugin.compatibility.EngineRefusal`.

    A general plugin that fails on import is only logged by vLLM, so everything that can fail is in here.
    """
    from lethe.corruption.vllm_plugin.admission import guard_admission
    from lethe.corruption.vllm_plugin.attachment import guard_workers
    from lethe.corruption.vllm_plugin.compatibility import require_known_vllm
    from lethe.corruption.vllm_plugin.cpu_adapters import keep_clean_rows_clean
    from lethe.corruption.vllm_plugin.prefix_cache import guard_prefix_cache
    from lethe.corruption.vllm_plugin.proof import guard_serving

    require_known_vllm()
    guard_admission()
    guard_prefix_cache()
    guard_workers()
    keep_clean_rows_clean()
    guard_serving()
