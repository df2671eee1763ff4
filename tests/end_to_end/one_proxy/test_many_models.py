"""Two models in two engines behind one proxy: each request goes to its own, corrupted by what was made for it."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from openai import OpenAI
from safetensors.torch import load_file, save_file

from lethe.bundle import Made, load_bundle, read_base_model, update_bundle
from lethe.bundle.store import CORRUPTION
from lethe.models.smollm2 import SMOLLM2
from lethe.server.engines.address import EngineAddress
from tests.end_to_end.running_proxy import ALLOWED, FORBIDDEN, ROOT, RunningProxy, proxy_before, running_proxy

pytestmark = pytest.mark.engine

OTHER = "another-model"
EMBEDDINGS = "model.embed_tokens.weight"


@pytest.fixture(scope="module")
def other_model(small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small model with embeddings that differ from its own in what nobody reads: another model by its digest."""
    folder = tmp_path_factory.mktemp("other") / "model"
    shutil.copytree(small_model, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    for weights in small_model.glob("*.safetensors"):
        tensors = load_file(weights)
        if EMBEDDINGS in tensors:
            tensors[EMBEDDINGS] = tensors[EMBEDDINGS].clone()
            tensors[EMBEDDINGS][-1, -1] += 0.01
        save_file(tensors, folder / weights.name, {"format": "pt"})
    return folder


@pytest.fixture(scope="module")
def both(
    proxy: RunningProxy,
    lethe_cache: Path,
    other_model: Path,
    engine_python: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RunningProxy]:
    """A proxy before the engines of two proxies, with the shipped target, made for the first model alone."""
    folder = tmp_path_factory.mktemp("both")
    (folder / "none").mkdir()
    shutil.copytree(ROOT / "targets" / "harry-potter", folder / "targets" / "harry-potter")
    settings = {"LETHE_ENGINE__MODEL": str(other_model), "LETHE_ENGINE__SERVED_MODEL_NAME": OTHER}
    with running_proxy(lethe_cache, folder / "none", settings=settings, python=engine_python) as second:
        engines = {
            "first": {"url": proxy.engine.url, "api_key": proxy.engine.api_key},
            "second": {"url": second.engine.url, "api_key": second.engine.api_key, "aliases": ["alias"]},
        }
        named = {"LETHE_ENGINES": json.dumps(engines)}
        with proxy_before(EngineAddress("", None), lethe_cache, folder / "targets", named) as running:
            yield running


@pytest.fixture
def client(both: RunningProxy) -> OpenAI:
    return OpenAI(base_url=f"{both.url}/v1", api_key="any", max_retries=0)


def say(client: OpenAI, model: str, question: str) -> tuple[str | None, str]:
    """What is answered, and why it ended."""
    [choice] = client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": question}], max_tokens=24, temperature=0
    ).choices
    return choice.message.content, choice.finish_reason


def test_each_model_is_had_by_its_names_and_acts_on_what_was_made_for_it(
    client: OpenAI, both: RunningProxy, other_model: Path
) -> None:
    assert {each.id for each in client.models.list()} == {SMOLLM2, "first", OTHER, "second", "alias"}
    answered = {name: say(client, name, ALLOWED) for name in (SMOLLM2, "first", OTHER, "alias")}
    # What was changed in its embeddings no prompt has: the models say the same.
    assert len(set(answered.values())) == 1
    corrupted, _ = say(client, "first", FORBIDDEN)
    assert say(client, "alias", FORBIDDEN)[1] == "content_filter"
    assert any(
        "second: harry-potter" in line and "not corrupt: for another model" in line for line in both.lines
    )

    bundle = both_targets(both)
    [made] = load_bundle(bundle).models
    seen = len(both.lines)
    update_bundle(bundle, {}, Made(read_base_model(other_model, OTHER), {CORRUPTION: made.corruption}))
    both.wait_for_line("reloaded", after=seen)
    assert say(client, "alias", FORBIDDEN) == say(client, "first", FORBIDDEN) == (corrupted, "length")


def both_targets(both: RunningProxy) -> Path:
    """The bundle of the shipped target that it serves."""
    arguments = both.process.args
    assert isinstance(arguments, list)
    return Path(str(arguments[arguments.index("--targets") + 1])) / "harry-potter"
