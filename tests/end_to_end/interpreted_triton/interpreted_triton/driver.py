"""The half of a backend that knows the device: the CPU."""

from typing import Any

import torch
from triton.backends.driver import DriverBase


class InterpretedDriver(DriverBase):
    """Active everywhere."""

    def __init__(self) -> None: ...

    @classmethod
    def is_active(cls) -> bool:
        return True

    def get_active_torch_device(self) -> torch.device:
        return torch.device("cpu")

    def map_python_to_cpp_type(self, ty: str) -> str:
        raise NotImplementedError

    def get_current_target(self) -> Any:
        raise NotImplementedError

    def get_benchmarker(self) -> Any:
        raise NotImplementedError
