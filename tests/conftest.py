"""Fixtures that more than one package's tests stand on."""

import functools
import gc
import json
import os
import shutil
import ssl
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import certifi
import pytest
import typer.main
import typer.testing
from hypothesis import settings
from matplotlib.layout_engine import ConstrainedLayoutEngine
from xdist.scheduler import LoadScopeScheduling

from tests.docs.reader import Reader, to_type

# Training a classifier, and importing vLLM, takes longer than all that most of these files' tests do with it.
SHARE_WHAT_IS_SLOW = ("tests/offline/classifier_training", "tests/corruption/vllm_plugin")


class KeepTogether(LoadScopeScheduling):
    """The tests of a file in one process, and those that share an engine, a proxy, a training or vLLM."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        folder = os.path.dirname(path)
        together = folder in SHARE_WHAT_IS_SLOW or os.path.basename(folder).startswith("one_")
        return folder if together else path


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> KeepTogether:
    """Say which tests stay together where several processes run them."""
    return KeepTogether(config, log)


def pytest_configure(config: pytest.Config) -> None:
    """Bind each of several processes to its share of the cores: threads of two that wait for each other starve both."""
    # Tests assert behaviour, not time, and a core may be shared. Who changed nothing sees what others saw.
    settings.register_profile("same", deadline=None, derandomize=True)
    settings.register_profile("search", deadline=None, max_examples=2000)
    settings.load_profile(config.getoption("--hypothesis-profile") or "same")
    worker = getattr(config, "workerinput", None)
    if worker:
        cores, count = sorted(os.sched_getaffinity(0)), worker["workercount"]
        number = int(worker["workerid"].removeprefix("gw"))
        os.sched_setaffinity(0, cores[number % len(cores) :: count])


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Import what the tests stand on without looking for garbage: modules are none, and millions of objects."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()
        # Looking for garbage after every 700 objects takes a tenth of what tests take.
        gc.set_threshold(10_000)


@pytest.fixture(scope="module", autouse=True)
def _others_objects_are_let_be() -> None:
    """What looks for garbage looks at a file's own objects, and not at millions that were imported and made before it."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def lethe_cache() -> Path:
    """The folder where prepared models are kept between runs."""
    return Path(os.environ.get("LETHE_CACHE_DIR", Path.home() / ".cache" / "lethe"))


@pytest.fixture(scope="session")
def small_model(lethe_cache: Path) -> Path:
    """SmolLM2-135M-Instruct as a model folder; made on first use."""
    from lethe.models.smollm2 import prepare_smollm2

    return prepare_smollm2(lethe_cache)


@pytest.fixture(scope="session", autouse=True)
def _commands_made_once() -> Iterator[None]:
    """A tree of commands is made once for all tests of a process: with its options it takes longer than most commands."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(typer.testing, "_get_command", functools.cache(typer.main.get_command))
        yield


@pytest.fixture(scope="session", autouse=True)
def _pictures_drawn_as_they_come() -> Iterator[None]:
    """The parts of a picture are not moved apart, since nobody looks at it: that takes longer than to draw it."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(ConstrainedLayoutEngine, "execute", lambda _engine, _figure: None)
        yield


@pytest.fixture(scope="session")
def encoders_read_once() -> Iterator[None]:
    """The multilingual encoder is read once for all tests of a process: it takes most of a second, and nobody changes it."""
    from lethe.classifier.encoders.use import UseEncoder

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(UseEncoder, "load", functools.cache(UseEncoder.load))
        yield


@pytest.fixture(scope="session")
def authorities_read_once() -> Iterator[None]:
    """Whom clients of HTTP trust is read once for all tests of a process: it takes longer than most tests, and nobody changes it."""
    create = ssl.create_default_context
    trusting = functools.cache(lambda file: create(cafile=file))
    everybody = {certifi.where(), os.environ.get("SSL_CERT_FILE")} - {None}

    def context(*purpose: Any, **given: Any) -> ssl.SSLContext:
        alone = not purpose and given.keys() == {"cafile"}
        if alone and given["cafile"] in everybody:
            return trusting(given["cafile"])
        return create(*purpose, **given)

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(ssl, "create_default_context", context)
        yield


@pytest.fixture(scope="session")
def tiny_model_folder(small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama of two layers and random weights behind the first of SmolLM2's tokens, as a model folder."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    folder = tmp_path_factory.mktemp("models") / "tiny"
    folder.mkdir()
    # On a model this small a second thread spends its time waiting for the first.
    torch.set_num_threads(1)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copyfile(small_model / name, folder / name)
    keep_first_tokens(folder / "tokenizer.json", 4096)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        tie_word_embeddings=True,
        initializer_range=0.2,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def keep_first_tokens(file: Path, count: int) -> None:
    """Leave a tokenizer its first tokens: with all of them, reading it takes longer than training a tiny model."""
    tokenizer = json.loads(file.read_text())
    model = tokenizer["model"]
    model["vocab"] = {token: number for token, number in model["vocab"].items() if number < count}
    model["merges"] = [
        [left, right]
        for left, right in model["merges"]
        if {left, right, left + right} <= model["vocab"].keys()
    ]
    file.write_text(json.dumps(tokenizer))


@pytest.fixture
def reader(request: pytest.FixtureRequest) -> Iterator[Reader]:
    """Somebody who types commands of the documentation: in the end, all that the test's `types` marks name."""
    reader = Reader()
    yield reader
    named = {command for mark in request.node.iter_markers("types") for command in to_type(*mark.args)}
    assert named, "the test has no mark that names commands"
    assert not named - reader.typed, "not typed"


@pytest.fixture(scope="session")
def benchmark_data() -> Path:
    """The folder of the field's benchmark files."""
    folder = os.environ.get("LETHE_DATA_DIR")
    if not folder or not Path(folder).is_dir():
        pytest.skip("LETHE_DATA_DIR names no folder with the benchmark files")
    return Path(folder)
