"""Copies of an engine behind one server corrupt as one does."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.engine.reference_model import Answer, Reference
from bench.engine.requests import one_corruption
from tests.end_to_end.corruption_reference import assert_as_reference
from tests.end_to_end.one_engine.engine_server import Server, completion_body, running_engine

pytestmark = pytest.mark.engine

_A_CORE_EACH = {"VLLM_CPU_OMP_THREADS_BIND": "0|1"}


class TestDataParallel:
    """Two copies of a model behind one server."""

    @pytest.fixture(scope="class")
    def server(self, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
        with running_engine(
            tiny_model,
            tmp_path_factory.mktemp("engine") / "log",
            ("--data-parallel-size", "2"),
            VLLM_ENABLE_V1_MULTIPROCESSING="1",
            **_A_CORE_EACH,
        ) as port:
            yield Server(port)

    @pytest.mark.parametrize("rank", ["0", "1"])
    def test_each_copy_is_as_the_reference(self, server: Server, tiny_model: Path, rank: str) -> None:
        reference = Reference.load(tiny_model)
        prompt = reference.chat_tokens("Who is Harry Potter?")
        for corruption in (None, one_corruption(strength=0.5), one_corruption("shuffle"), None):
            body = completion_body(prompt, corruption)
            status, text = server.call("POST", "/v1/completions", body, **{"X-data-parallel-rank": rank})
            assert status == 200, text
            (choice,) = json.loads(text)["choices"]
            answer = Answer(choice["token_ids"], choice["logprobs"]["token_logprobs"])
            assert_as_reference(reference, answer, prompt, corruption)
