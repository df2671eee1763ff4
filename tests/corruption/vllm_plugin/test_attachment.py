"""Both runners' touch points, driven in their order."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from torch import Tensor, nn

from lethe.corruption.application import corrupt_prompt
from lethe.corruption.functions import FUNCTIONS
from lethe.corruption.plan import make_plan
from lethe.corruption.request import XARGS_KEY, CorruptionRequest
from lethe.corruption.vllm_plugin.compatibility import EngineRefusal
from tests.corruption.vllm_plugin.embedding_models import EmbeddingModel, transformers_model
from tests.corruption.vllm_plugin.engine_requests import NEEDS_VLLM, PROMPT, WIDTH, a_request, garbage

pytestmark = NEEDS_VLLM


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"use_ubatching": True}, "micro-batching"),
        ({"prefill_context_parallel_size": 2}, "context parallelism"),
        ({"enable_adaptive_verification": True}, "enable_adaptive_verification to false"),
        ({"is_encoder_decoder": True}, "encoder-decoder"),
    ],
)
def test_layouts_in_which_rows_move_stop_the_start(changes: dict[str, Any], message: str) -> None:
    from lethe.corruption.vllm_plugin.attachment import require_supported_layout

    fields = {
        "use_ubatching": False,
        "prefill_context_parallel_size": 1,
        "enable_adaptive_verification": False,
        "is_encoder_decoder": False,
        **changes,
    }
    part = SimpleNamespace(**fields)
    config = SimpleNamespace(parallel_config=part, speculative_config=part, model_config=part)
    with pytest.raises(EngineRefusal, match=message):
        require_supported_layout(config)  # type: ignore[arg-type]


def new_request_data(name: str, request: CorruptionRequest | None, prompt: list[int]) -> Any:
    from vllm.sampling_params import SamplingParams
    from vllm.v1.core.sched.output import NewRequestData

    return NewRequestData(
        req_id=name,
        prompt_token_ids=prompt,
        mm_features=[],
        sampling_params=SamplingParams(extra_args=request.to_xargs() if request else None),
        pooling_params=None,
        block_ids=([],),
        num_computed_tokens=0,
        lora_request=None,
        prefill_token_ids=prompt,
    )


def model_config() -> Any:
    return SimpleNamespace(get_hidden_size=lambda: WIDTH, get_vocab_size=lambda: 64, dtype=torch.float32)


class StandInV1Runner:
    """The V1 runner's touch points, and its step in their order."""

    supports_mm_inputs = False

    def __init__(self, model: Any, enable_prompt_embeds: bool = False):
        self.model = model
        self.model_config = model_config()
        self.max_num_tokens = 32
        self.device = torch.device("cpu")
        self.enable_prompt_embeds = enable_prompt_embeds
        self.is_token_ids = SimpleNamespace(np=np.ones(32, dtype=bool))
        self.input_ids = SimpleNamespace(gpu=torch.zeros(32, dtype=torch.int32))
        self.query_start_loc = SimpleNamespace(np=np.zeros(9, dtype=np.int32))
        self.input_batch = SimpleNamespace(req_ids=[], num_computed_tokens_cpu=np.zeros(8, dtype=np.int32))

    def get_model(self) -> nn.Module:
        return self.model

    def _update_states(self, scheduler_output: Any) -> None: ...

    def _preprocess(self, scheduler_output: Any, num_input_tokens: int) -> Tensor:
        input_ids = self.input_ids.gpu[:num_input_tokens]
        if not self.enable_prompt_embeds:
            return input_ids
        (tokens,) = np.nonzero(self.is_token_ids.np[:num_input_tokens])
        inputs_embeds = torch.zeros(num_input_tokens, WIDTH)
        inputs_embeds[tokens] = self.model.embed_input_ids(input_ids[tokens])
        return inputs_embeds

    def _model_forward(self, inputs: Tensor) -> Tensor:
        return inputs if self.enable_prompt_embeds else self.model(inputs)

    def execute(
        self, new: list[Any], finished: set[str], batch: dict[str, tuple[int, list[int]]]
    ) -> list[Tensor]:
        tokens = [token for _, part in batch.values() for token in part]
        output = SimpleNamespace(
            scheduled_new_reqs=new, finished_req_ids=finished, total_num_scheduled_tokens=len(tokens)
        )
        self._update_states(output)
        if not tokens:
            return []
        counts = [len(part) for _, part in batch.values()]
        self.input_batch.req_ids = list(batch)
        self.input_batch.num_computed_tokens_cpu[: len(batch)] = [computed for computed, _ in batch.values()]
        self.query_start_loc.np[: len(batch) + 1] = np.concatenate([[0], np.cumsum(counts)])
        self.input_ids.gpu[: len(tokens)] = torch.tensor(tokens, dtype=torch.int32)
        return list(self._model_forward(self._preprocess(output, len(tokens))).split(counts))


class TestV1Runner:
    @pytest.fixture
    def runner(self, model: nn.Module) -> StandInV1Runner:
        from lethe.corruption.vllm_plugin.attachment import attach_v1

        runner = StandInV1Runner(model)
        attach_v1(runner)
        return runner

    def test_chunks_beside_a_clean_request_are_as_the_reference(self, runner: StandInV1Runner) -> None:
        request = a_request(function="shuffle")
        table = runner.model.get_parameter("embed_tokens.weight").data
        expected = corrupt_prompt(table[PROMPT], make_plan(request, len(PROMPT)))
        first = [new_request_data("flagged", request, PROMPT), new_request_data("clean", None, PROMPT)]
        _, start = runner.execute(first, set(), {"clean": (0, PROMPT), "flagged": (0, PROMPT[:4])})
        clean, end = runner.execute([], set(), {"clean": (6, [3]), "flagged": (4, PROMPT[4:])})
        assert torch.equal(torch.cat([start, end]), expected)
        assert torch.equal(clean, table[[3]])

    def test_embeddings_narrower_than_the_hidden_states_are_as_the_reference(self, one_rank: None) -> None:
        from lethe.corruption.vllm_plugin.attachment import attach_v1

        runner, request = StandInV1Runner(EmbeddingModel(WIDTH // 2)), a_request()
        attach_v1(runner)
        table = runner.model.get_parameter("embed_tokens.weight").data
        (rows,) = runner.execute([new_request_data("r", request, PROMPT)], set(), {"r": (0, PROMPT)})
        assert torch.equal(rows, corrupt_prompt(table[PROMPT], make_plan(request, len(PROMPT))))

    def test_what_an_encoder_looks_up_beside_a_flagged_prompt_is_clean(self, one_rank: None) -> None:
        class Seeing(EmbeddingModel):
            """Sets tokens between its images, as Molmo 2 and Qwen3-VL do."""

            def embed_multimodal(self, between: list[int]) -> Tensor:
                return self.embed_input_ids(torch.tensor(between))

        class EncodingRunner(StandInV1Runner):
            def _preprocess(self, scheduler_output: Any, num_input_tokens: int) -> Tensor:
                self.encoded = self.model.embed_multimodal([*range(60)])
                return super()._preprocess(scheduler_output, num_input_tokens)

        from lethe.corruption.vllm_plugin.attachment import attach_v1

        runner, request = EncodingRunner(Seeing()), a_request()
        attach_v1(runner)
        table = runner.model.get_parameter("embed_tokens.weight").data
        (rows,) = runner.execute([new_request_data("r", request, PROMPT)], set(), {"r": (0, PROMPT)})
        assert torch.equal(runner.encoded, table[:60])
        assert torch.equal(rows, corrupt_prompt(table[PROMPT], make_plan(request, len(PROMPT))))

    def test_a_model_of_transformers_own_is_as_the_reference(self, one_rank: None) -> None:
        from lethe.corruption.vllm_plugin.attachment import attach_v1

        runner, request = StandInV1Runner(transformers_model()), a_request()
        attach_v1(runner)
        table = runner.model.get_parameter("model.embed_tokens.weight").data
        new = [new_request_data("flagged", request, PROMPT), new_request_data("clean", None, PROMPT)]
        flagged, clean = runner.execute(new, set(), {"flagged": (0, PROMPT), "clean": (0, PROMPT)})
        assert torch.equal(flagged, corrupt_prompt(table[PROMPT], make_plan(request, len(PROMPT))))
        assert torch.equal(clean, table[PROMPT])

    def test_a_model_that_asks_its_table_is_as_the_reference(self, one_rank: None) -> None:
        from lethe.corruption.vllm_plugin.attachment import attach_v1

        class Direct(EmbeddingModel):
            def forward(self, input_ids: Tensor) -> Tensor:
                return self.embed_tokens(input_ids)

        runner, request = StandInV1Runner(Direct()), a_request()
        attach_v1(runner)
        table = runner.model.get_parameter("embed_tokens.weight").data
        new = [new_request_data("flagged", request, PROMPT), new_request_data("clean", None, PROMPT)]
        flagged, clean = runner.execute(new, set(), {"flagged": (0, PROMPT), "clean": (0, PROMPT)})
        assert torch.equal(flagged, corrupt_prompt(table[PROMPT], make_plan(request, len(PROMPT))))
        assert torch.equal(clean, table[PROMPT])

    def test_rows_of_clients_embeddings_move_no_corruption(self, model: nn.Module) -> None:
        from lethe.corruption.vllm_plugin.attachment import attach_v1

        runner, request = StandInV1Runner(model, enable_prompt_embeds=True), a_request()
        attach_v1(runner)
        table = model.get_parameter("embed_tokens.weight").data
        new = [new_request_data("flagged", request, PROMPT), new_request_data("clean", None, PROMPT)]
        runner.is_token_ids.np[:3] = False
        batch = {"embeddings": (0, [0, 0, 0]), "flagged": (0, PROMPT), "clean": (0, PROMPT)}
        embeddings, flagged, clean = runner.execute(new, set(), batch)
        assert not embeddings.any()
        assert torch.equal(flagged, corrupt_prompt(table[PROMPT], make_plan(request, len(PROMPT))))
        assert torch.equal(clean, table[PROMPT])

    def test_marks_are_gone_after_the_forward_pass(self, runner: StandInV1Runner) -> None:
        runner.execute([new_request_data("r", a_request(), PROMPT)], set(), {"r": (0, PROMPT)})
        table = runner.model.get_parameter("embed_tokens.weight").data
        assert torch.equal(runner.model(torch.tensor(PROMPT)), table[PROMPT])

    def test_a_request_that_ends_with_an_empty_step_is_forgotten(self, runner: StandInV1Runner) -> None:
        runner.execute([new_request_data("r", a_request(), PROMPT)], set(), {"r": (0, PROMPT)})
        runner.execute([], {"r"}, {})
        (rows,) = runner.execute([], set(), {"r": (0, PROMPT)})
        assert torch.equal(rows, runner.model.get_parameter("embed_tokens.weight").data[PROMPT])


class TestV2Runner:
    """The V2 runner's touch points, driven with its own batches and requests."""

    @pytest.fixture
    def runner(self, model: nn.Module) -> Any:
        return self.attached(model)

    def attached(self, model: nn.Module, **changes: Any) -> Any:
        from vllm.v1.worker.gpu.model_states.interface import ModelState

        from lethe.corruption.vllm_plugin.attachment import attach_v2

        class State(ModelState):
            def __init__(self) -> None:
                pass

            def add_request(self, req_index: int, new_req_data: Any) -> None: ...

            def remove_request(self, req_id: str) -> None: ...

            def prepare_inputs_embeds(self, *args: Any) -> Any: ...

            def prepare_inputs(self, *args: Any) -> Any: ...

            def prepare_dummy_inputs(self, *args: Any) -> Any: ...

            def prepare_attn(self, *args: Any, **kwargs: Any) -> Any: ...

        fields = {
            "model": model,
            "get_model": lambda: model,
            "model_state": State(),
            "model_config": model_config(),
            "max_num_tokens": 32,
            "device": torch.device("cpu"),
            "lora_config": None,
            **changes,
        }
        runner = SimpleNamespace(**fields)
        attach_v2(runner)
        return runner

    def add(self, runner: Any, name: str, request: CorruptionRequest | None, prompt: list[int]) -> None:
        runner.model_state.add_request(0, new_request_data(name, request, prompt))

    def forward(
        self, runner: Any, names: list[str], computed: list[int], tokens: list[list[int]]
    ) -> list[Tensor]:
        from vllm.v1.worker.gpu.input_batch import InputBatch, InputBuffers

        counts = [len(part) for part in tokens]
        buffers = InputBuffers(max_num_reqs=8, max_num_tokens=32, device=torch.device("cpu"))
        batch = InputBatch.make_dummy(len(names), sum(counts), buffers)
        batch.req_ids = names
        batch.num_computed_tokens_np = np.array(computed, dtype=np.int32)
        batch.query_start_loc_np = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
        batch.input_ids[: sum(counts)] = torch.tensor(
            [token for part in tokens for token in part], dtype=torch.int32
        )
        runner.model_state.preprocess_state(batch, (), None, None)
        if runner.lora_config:
            runner._set_active_loras()
        return list(runner.model(batch.input_ids[: batch.num_tokens]).split(counts))

    @pytest.mark.parametrize("function", ["rand_noise_first_n", "shuffle", "add_vector_first_n"])
    @pytest.mark.parametrize("chunk", [1, 2, 4, 6])
    def test_chunks_beside_a_clean_request_are_as_the_reference(
        self, runner: Any, function: str, chunk: int
    ) -> None:
        vector = (1.0, 2.0, 3.0, 4.0) if FUNCTIONS[function].takes_vector else None
        request = a_request(function=function, vector=vector)
        self.add(runner, "flagged", request, PROMPT)
        self.add(runner, "clean", None, PROMPT)
        table = runner.model.embed_tokens.weight.data
        expected = corrupt_prompt(table[PROMPT], make_plan(request, len(PROMPT)))
        pieces = []
        for start in range(0, len(PROMPT), chunk):
            part = PROMPT[start : start + chunk]
            clean, piece = self.forward(runner, ["clean", "flagged"], [9, start], [[3], part])
            assert torch.equal(clean, table[[3]])
            pieces.append(piece)
        assert torch.equal(torch.cat(pieces), expected)
        (generated,) = self.forward(runner, ["flagged"], [len(PROMPT)], [[8]])
        assert torch.equal(generated, table[[8]])

    def test_a_prompt_that_comes_again_after_preemption_is_corrupted_again(self, runner: Any) -> None:
        request = a_request()
        table = runner.model.embed_tokens.weight.data
        expected = corrupt_prompt(table[PROMPT], make_plan(request, len(PROMPT)))
        for _ in range(2):
            self.add(runner, "r", request, PROMPT)
            (rows,) = self.forward(runner, ["r"], [0], [[*PROMPT, 4, 4]])
            assert torch.equal(rows[:6], expected)
            assert torch.equal(rows[6:], table[[4, 4]])
            runner.model_state.remove_request("r")
        (rows,) = self.forward(runner, ["r"], [0], [PROMPT])
        assert torch.equal(rows, table[PROMPT])

    def test_rows_are_looked_up_with_the_adapters_of_their_own_step(self, model: nn.Module) -> None:
        table, request = model.get_parameter("embed_tokens.weight").data, a_request()

        def set_active_loras() -> None:
            table.mul_(2)

        runner = self.attached(model, lora_config=object(), _set_active_loras=set_active_loras)
        self.add(runner, "flagged", request, PROMPT)
        (rows,) = self.forward(runner, ["flagged"], [0], [PROMPT])
        assert torch.equal(rows, corrupt_prompt(table[PROMPT], make_plan(request, len(PROMPT))))

    def test_a_fault_in_a_corruption_blanks_the_prompt_and_spares_the_engine(
        self, runner: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*args: Any) -> Tensor:
            raise RuntimeError("no memory, say")

        monkeypatch.setattr("lethe.corruption.vllm_plugin.embedding.change_rows", fail)
        self.add(runner, "r", a_request(), PROMPT)
        (rows,) = self.forward(runner, ["r"], [0], [PROMPT])
        assert not rows[:5].any()
        assert torch.equal(rows[5], runner.model.embed_tokens.weight.data[1])

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(garbage)
    def test_garbage_never_escapes_the_step(self, runner: Any, value: object) -> None:
        self.add(runner, "r", None, PROMPT)
        parameters = SimpleNamespace(extra_args={XARGS_KEY: value})
        runner.model_state.add_request(
            0, SimpleNamespace(req_id="r", sampling_params=parameters, prompt_token_ids=PROMPT)
        )
        (rows,) = self.forward(runner, ["r"], [0], [PROMPT])
        assert not rows[:5].any()
