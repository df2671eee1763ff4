"""What the plugin stands on in vLLM, checked before anything is served."""

import inspect
from collections.abc import Callable
from typing import Any

TESTED_VERSIONS = ("0.32.0",)

_MARK = "_lethe_original"


class EngineRefusal(SystemExit):
    """The engine must not start: its flagged prompts would be served clean. Ends the process with one line."""

    def __init__(self, reason: str):
        super().__init__(f"lethe: the engine will not start: {reason}")


def require_tested_vllm(version: str | None = None) -> None:
    """Refuse every vLLM release that the plugin was not tested with.

    Raises
    ------
    EngineRefusal
        The installed release, or the one given, is not among `TESTED_VERSIONS`.
    """
    if version is None:
        import vllm

        version = vllm.__version__
    # Local builds add a suffix: 0.32.0+cpu.
    if version.split("+")[0] not in TESTED_VERSIONS:
        raise EngineRefusal(
            f"corruption inside vLLM {version} is untested; install one of {', '.join(TESTED_VERSIONS)}, "
            "or start without the plugin by VLLM_PLUGINS=''"
        )


def replace_method(owner: Any, name: str, make: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    """Replace a method of a class or an object by ``make(method)``, once.

    Raises
    ------
    EngineRefusal
        There is no such method: vLLM moved it.
    """
    original = getattr(owner, name, None)
    if not callable(original):
        holder = owner if inspect.isclass(owner) else type(owner)
        raise EngineRefusal(
            f"vLLM's {holder.__name__} has no method {name}; this build differs from the release"
        )
    if hasattr(original, _MARK):
        return
    replacement = make(original)
    setattr(replacement, _MARK, original)
    setattr(owner, name, replacement)
