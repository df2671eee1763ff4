"""The machine that figures were measured on."""

import os
import platform
from importlib.metadata import version

import torch


def describe_machine(dtype: str | None = None) -> str:
    """The machine and the versions that figures were measured with.

    Parameters
    ----------
    dtype
        What models were run in; left out by default.
    """
    passes = f"; passes in {dtype}" if dtype else ""
    return (
        f"Machine: {platform.machine()}, {os.cpu_count()} cores, {_memory_gib():.0f} GiB, {_gpu()}{platform.system()}; Python "
        f"{platform.python_version()}, torch {version('torch')}, transformers {version('transformers')}{passes}."
    )


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def _gpu() -> str:
    return f"one {torch.cuda.get_device_name()}, " if torch.cuda.is_available() else ""
