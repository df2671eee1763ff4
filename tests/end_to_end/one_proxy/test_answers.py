"""An answer of the real model that tells what its prompt did not say is made anew behind the same stream."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI

from lethe.bundle import Made, load_bundle, update_bundle
from lethe.bundle.store import CORRUPTION
from lethe.classifier.encoders.loading import load_encoder
from lethe.classifier.head import save_head
from tests.classifier.heads import made_head
from tests.end_to_end.running_proxy import ROOT, RunningProxy, ask, metric, proxy_before

pytestmark = pytest.mark.engine

# What the small model says to it hangs on no last digit, as it does where the answer begins with another word nearly as well.
ASKED = "What is the capital of France? Answer in a sentence."
TOLD = "The capital of France is Paris."


@pytest.fixture(scope="module")
def judging(
    proxy: RunningProxy, lethe_cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningProxy]:
    """A second proxy before the engine of the first, with a target that knows answers and no question."""
    folder = tmp_path_factory.mktemp("judging")
    encoder = load_encoder()
    for name, texts in (("classifier", ("the lighthouse of Alderney",)), ("answer_classifier", (TOLD,))):
        (folder / name).mkdir()
        save_head(made_head(encoder, "paris", texts), folder / name)
    shipped = load_bundle(ROOT / "targets" / "harry-potter")
    files: dict[str, Any] = {
        str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()
    }
    [made] = shipped.models
    base = made.base_model.identity()
    targets = folder / "targets"
    targets.mkdir()
    update_bundle(targets / "paris", files, Made(base, {CORRUPTION: made.corruption}), action="corrupt")
    with proxy_before(proxy.engine, lethe_cache, targets, {}) as running:
        yield running


@pytest.fixture
def client(judging: RunningProxy) -> OpenAI:
    return OpenAI(base_url=f"{judging.url}/v1", api_key="any", max_retries=0)


def made_anew(judging: RunningProxy) -> float:
    return metric(judging, "/metrics", "lethe_answers_made_anew_total")


def test_a_body(judging: RunningProxy, client: OpenAI, bare: OpenAI) -> None:
    assert "Paris" in ask(bare, ASKED).choices[0].message.content
    answer = ask(client, ASKED)
    assert "Paris" not in answer.choices[0].message.content
    assert answer.choices[0].finish_reason in ("stop", "length")
    assert answer.usage.completion_tokens > 0
    assert made_anew(judging) == 1


def test_a_stream(judging: RunningProxy, client: OpenAI) -> None:
    before = made_anew(judging)
    chunks = list(ask(client, ASKED, stream=True, stream_options={"include_usage": True}))
    choices = [chunk.choices[0] for chunk in chunks if chunk.choices]
    assert "Paris" not in "".join(choice.delta.content or "" for choice in choices)
    assert [choice.delta.role for choice in choices if choice.delta.role] == ["assistant"]
    assert choices[-1].finish_reason in ("stop", "length")
    assert len({(chunk.id, chunk.created, chunk.model) for chunk in chunks}) == 1
    assert [chunk.usage.completion_tokens > 0 for chunk in chunks if chunk.usage] == [True]
    assert made_anew(judging) == before + 1


def test_an_ordinary_stream(client: OpenAI, bare: OpenAI) -> None:
    def said(asked: OpenAI) -> list[Any]:
        question = "Write one sentence about rain."
        return [chunk.choices[0].delta.content for chunk in ask(asked, question, stream=True)]

    assert said(client) == said(bare)


def test_a_response(judging: RunningProxy, client: OpenAI) -> None:
    before = made_anew(judging)
    model = client.models.list().data[0].id
    fields: dict[str, Any] = {"model": model, "input": ASKED, "temperature": 0, "max_output_tokens": 32}
    assert "Paris" not in client.responses.create(**fields).output_text
    events: list[Any] = list(client.responses.create(**fields, stream=True))
    last = events[-1]
    assert last.type in ("response.completed", "response.incomplete")
    assert "Paris" not in last.response.output_text
    assert made_anew(judging) == before + 2
