"""Has vLLM's own tests ask a server that runs already, in the place of those that they would start: a plugin of pytest.

One server of one small model answers to the names of all models that the tests name, whose tokenizer is the small model's too.
Loaded into vLLM's tests, so it imports nothing of this project.
"""

import os
from typing import Any
from urllib.parse import urlsplit

import pytest
from vllm import distributed

URL, TOKENIZER = os.environ["COMPATIBILITY_URL"], os.environ["COMPATIBILITY_TOKENIZER"]


# After each test, for a model in the tests' own process: there is none.
distributed.cleanup_dist_env_and_memory = lambda *_, **__: None


class _Running:
    """Stands for a server's process."""

    pid = os.getpid()

    def poll(self) -> None:
        return None


def _redirected(self: Any, model: str, vllm_serve_args: list[str], **_: Any) -> None:
    address = urlsplit(URL)
    self.uds, self.host, self.port = None, address.hostname, address.port
    self.show_hidden_metrics = False
    self.proc = _Running()


def _with_small_tokenizer(load: Any) -> Any:
    def from_pretrained(name: Any, *arguments: Any, **options: Any) -> Any:
        return load(name if os.path.isdir(str(name)) else TOKENIZER, *arguments, **options)

    return from_pretrained


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Redirect before any test is imported."""
    from huggingface_hub import HfApi
    from transformers import AutoTokenizer

    from tests import utils

    server = utils.RemoteVLLMServer
    server.__init__ = _redirected
    server.__enter__ = lambda self: self
    server.__exit__ = lambda self, *_: None
    AutoTokenizer.from_pretrained = _with_small_tokenizer(AutoTokenizer.from_pretrained)
    # Of adapters that the tests would start a server with.
    HfApi.snapshot_download = lambda *_, **__: TOKENIZER
    utils.get_tokenizer = _with_small_tokenizer(utils.get_tokenizer)
