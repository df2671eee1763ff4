"""Engines and proxies before them, for all tests in `one_proxy` and elsewhere."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from openai import OpenAI

from lethe.bundle import Made, load_bundle, read_base_model, update_bundle
from lethe.bundle.store import CORRUPTION
from tests.conftest import keep_first_tokens
from tests.end_to_end.forking_python import forking_python
from tests.end_to_end.running_proxy import ROOT, TINY, RunningProxy, running_proxy
from tests.end_to_end.trace_collector import TraceCollector, collecting


@pytest.fixture(scope="session", autouse=True)
def _authorities(authorities_read_once: None) -> None: ...


@pytest.fixture(scope="session")
def tiny_model(small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model behind the first of the small model's tokens, with heads that two ranks can share."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    folder = tmp_path_factory.mktemp("models") / "tiny"
    folder.mkdir()
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copyfile(small_model / name, folder / name)
    keep_first_tokens(folder / "tokenizer.json", 4096)
    torch.manual_seed(6)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=3,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        initializer_range=0.3,
        tie_word_embeddings=False,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_targets(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped target with its corruption for the tiny model, too."""
    folder = tmp_path_factory.mktemp("tiny") / "targets"
    bundle = shutil.copytree(ROOT / "targets" / "harry-potter", folder / "harry-potter")
    [made] = load_bundle(bundle).models
    update_bundle(bundle, {}, Made(read_base_model(tiny_model, TINY), {CORRUPTION: made.corruption}))
    return folder


@pytest.fixture(scope="session")
def targets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the shipped targets, for tests that change them."""
    folder = tmp_path_factory.mktemp("proxy") / "targets"
    subprocess.run(["cp", "-r", str(ROOT / "targets"), str(folder)], check=True)
    return folder


@pytest.fixture(scope="session")
def collector() -> Iterator[TraceCollector]:
    """Who is told of the traces of proxy and engine."""
    with collecting() as collector:
        yield collector


@pytest.fixture(scope="session")
def engine_python() -> Iterator[Path]:
    """A Python that starts an engine in two seconds; with `lethe`'s own it imports vLLM twice, which takes half a minute."""
    with forking_python() as python:
        yield python


@pytest.fixture(scope="session")
def proxy(
    small_model: Path, lethe_cache: Path, targets: Path, collector: TraceCollector
) -> Iterator[RunningProxy]:
    """The proxy, with an engine that is started as users' are, in float32; the last test of `one_proxy/test_serve.py` stops it."""
    with running_proxy(lethe_cache, targets, collector.url) as running:
        yield running


@pytest.fixture
def guarded(proxy: RunningProxy) -> OpenAI:
    """A client of the proxy."""
    return OpenAI(base_url=f"{proxy.url}/v1", api_key="any", max_retries=0)


@pytest.fixture
def bare(proxy: RunningProxy) -> OpenAI:
    """A client of the engine behind it."""
    return OpenAI(base_url=f"{proxy.engine.url}/v1", api_key=proxy.engine.api_key, max_retries=0)
