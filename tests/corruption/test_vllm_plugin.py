"""The plugin's parts with vLLM's own data classes, without an engine.

vLLM is imported as tests run, by the one process that runs these: importing it takes seconds, and each of several
processes reads every file of tests.
"""

import json
from collections.abc import Iterator
from contextlib import nullcontext
from importlib.util import find_spec
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from lethe.corruption.application import corrupt_prompt
from lethe.corruption.artifact import Corruption
from lethe.corruption.functions import FUNCTIONS
from lethe.corruption.plan import make_plan
from lethe.corruption.request import (
    XARGS_KEY,
    CorruptionRequest,
    CorruptionRequestError,
    PlacedCorruption,
    prompt_digest,
)
from lethe.corruption.vllm_plugin.compatibility import EngineRefusal, replace_method
from lethe.corruption.vllm_plugin.telemetry import CORRUPTED, DISAGREEMENTS
from tests.corruption.corrupted_rows import Row, clean_rows, corrupted_prompts, rows_of

if TYPE_CHECKING:
    from vllm.v1.engine import EngineCoreRequest
    from vllm.v1.request import Request

    from lethe.corruption.vllm_plugin.step import FlaggedPrompts

pytestmark = pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed")

WIDTH = 16
PROMPT = [5, 9, 2, 7, 7, 1]

garbage = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)


def a_request(
    ranges: Any = None, tokens: int | None = None, digest: str | None = None, **fields: Any
) -> CorruptionRequest:
    corruption = Corruption(
        **{"function": "rand_noise_first_n", "strength": 1.0, "dims": 4, "seed": 3, **fields}
    )
    return CorruptionRequest((PlacedCorruption("t", "1", corruption, ranges),), tokens, digest)


def an_engine_request(extra_args: Any, prompt: list[int] | None = None, **fields: Any) -> "EngineCoreRequest":
    from vllm.sampling_params import SamplingParams
    from vllm.v1.engine import EngineCoreRequest

    return EngineCoreRequest(
        **{
            "request_id": "r",
            "prompt_token_ids": PROMPT if prompt is None else prompt,
            "mm_features": None,
            "sampling_params": SamplingParams(extra_args=extra_args),
            "pooling_params": None,
            "arrival_time": 0.0,
            "lora_request": None,
            "cache_salt": None,
            "data_parallel_rank": None,
            **fields,
        }
    )


def admit(request: "EngineCoreRequest", *, leaves_engine: bool = False) -> None:
    """As the plugin does, before a model of the tests' width."""
    from lethe.corruption.vllm_plugin.admission import admit

    admit(request, WIDTH, leaves_engine=leaves_engine)


def settled_request(request: "EngineCoreRequest") -> CorruptionRequest:
    assert request.sampling_params is not None
    settled = CorruptionRequest.from_xargs(request.sampling_params.extra_args)
    assert settled is not None
    return settled


class TestAdmission:
    def test_other_requests_pass_untouched(self) -> None:
        request = an_engine_request({"other": 1}, cache_salt="mine")
        admit(request)
        assert request.cache_salt == "mine"
        assert request.sampling_params is not None
        assert request.sampling_params.extra_args == {"other": 1}

    def test_ranges_become_explicit_by_the_engines_count(self) -> None:
        request = an_engine_request({"other": 1, **a_request().to_xargs()})
        admit(request)
        settled = settled_request(request)
        assert settled.placed[0].ranges == ((0, 5),)
        assert (settled.prompt_tokens, settled.prompt_digest) == (6, prompt_digest(PROMPT))
        assert request.sampling_params is not None
        assert request.sampling_params.extra_args is not None
        assert request.sampling_params.extra_args["other"] == 1

    def test_ranges_that_agree_are_kept(self) -> None:
        wanted = a_request(((1, 3),), 6, prompt_digest(PROMPT))
        before = DISAGREEMENTS._value.get()
        request = an_engine_request(wanted.to_xargs())
        admit(request)
        assert settled_request(request).placed == wanted.placed
        assert DISAGREEMENTS._value.get() == before

    @pytest.mark.parametrize(
        "wanted",
        [
            a_request(((1, 3),), 7, prompt_digest(PROMPT)),
            a_request(((1, 3),), 6, prompt_digest([1, 2])),
            a_request(((1, 30),)),
        ],
    )
    def test_disagreement_corrupts_all_but_the_last_and_is_counted(self, wanted: CorruptionRequest) -> None:
        before = DISAGREEMENTS._value.get()
        request = an_engine_request(wanted.to_xargs())
        admit(request)
        assert settled_request(request).placed[0].ranges == ((0, 5),)
        assert DISAGREEMENTS._value.get() == before + 1

    def test_a_callers_salt_stays_and_none_is_made(self) -> None:
        for salt in (None, "mine"):
            request = an_engine_request(a_request().to_xargs(), cache_salt=salt)
            admit(request)
            assert request.cache_salt == salt

    def test_a_prompt_whose_blocks_leave_the_engine_is_salted_as_a_whole(self) -> None:
        salts = []
        for salt, wanted, prompt in [
            (None, a_request(), PROMPT),
            ("mine", a_request(), PROMPT),
            (None, a_request(seed=4), PROMPT),
            (None, a_request(), [*PROMPT[:-1], 2]),
            (None, a_request(), [*PROMPT, 1]),
        ]:
            request = an_engine_request(wanted.to_xargs(), prompt, cache_salt=salt)
            admit(request, leaves_engine=True)
            salts.append(request.cache_salt)
        assert len(set(salts) - {None, "mine"}) == len(salts)

    @pytest.mark.parametrize(
        ("request_fields", "wanted", "message"),
        [
            ({}, a_request(dims=WIDTH + 1), "hidden size 16"),
            ({"resumable": True}, a_request(), "in parts"),
            ({"prompt_token_ids": None, "prompt_embeds": torch.zeros(3, WIDTH)}, a_request(), "embeddings"),
        ],
    )
    def test_what_cannot_be_carried_out_is_refused(
        self, request_fields: dict[str, Any], wanted: CorruptionRequest, message: str
    ) -> None:
        with pytest.raises(CorruptionRequestError, match=message):
            admit(an_engine_request(wanted.to_xargs(), **request_fields))

    @given(garbage)
    def test_garbage_is_refused_by_name(self, value: object) -> None:
        for candidate in (value, json.dumps(value)):
            with pytest.raises(CorruptionRequestError):
                admit(an_engine_request({XARGS_KEY: candidate}))

    @given(
        st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=3),
        st.none() | st.integers(-1, 12),
        st.none() | st.text(max_size=16),
    )
    def test_whatever_is_admitted_lies_within_the_prompt(
        self, ranges: list[tuple[int, int]], tokens: int | None, digest: str | None
    ) -> None:
        before = CORRUPTED._value.get()
        try:
            request = an_engine_request(a_request(tuple(ranges) or None, tokens, digest).to_xargs())
        except CorruptionRequestError:
            return
        admit(request)
        settled = settled_request(request)
        assert settled.placed[0].ranges is not None
        assert 0 < settled.placed[0].ranges[-1][1] <= len(PROMPT)
        assert CORRUPTED._value.get() == before + 1


def parameters(extra_args: Any) -> Any:
    return SimpleNamespace(extra_args=extra_args)


def flagged_prompts() -> "FlaggedPrompts":
    from lethe.corruption.vllm_plugin.step import FlaggedPrompts

    return FlaggedPrompts()


class TestStep:
    def test_clean_requests_need_nothing(self) -> None:
        prompts = flagged_prompts()
        prompts.add("clean", None, PROMPT)
        assert len(prompts) == 0
        assert prompts.step(["clean"], np.array([0]), np.array([0, 6])) is None

    def test_rows_follow_the_layout_of_the_batch(self) -> None:
        prompts = flagged_prompts()
        prompts.add("flagged", parameters(a_request(((1, 5),)).to_xargs()), PROMPT)
        step = prompts.step(["clean", "flagged"], np.array([10, 2]), np.array([0, 1, 3]))
        assert step is not None
        assert step.rows.tolist() == [1, 2]
        assert step.token_ids.tolist() == PROMPT[2:4]
        assert step.changes[0].sites.tolist() == [2, 3]

    def test_equal_corruptions_are_done_together(self) -> None:
        prompts = flagged_prompts()
        for name in ("a", "b"):
            prompts.add(name, parameters(a_request().to_xargs()), PROMPT)
        step = prompts.step(["a", "b"], np.array([0, 0]), np.array([0, 6, 12]))
        assert step is not None
        assert len(step.changes) == 1
        assert step.changes[0].sites.tolist() == [0, 1, 2, 3, 4] * 2

    def test_generated_tokens_are_never_touched(self) -> None:
        prompts = flagged_prompts()
        prompts.add("r", parameters(a_request().to_xargs()), PROMPT)
        assert prompts.step(["r"], np.array([6]), np.array([0, 1])) is None
        recomputed = prompts.step(["r"], np.array([0]), np.array([0, 9]))
        assert recomputed is not None
        assert recomputed.rows.tolist() == [0, 1, 2, 3, 4]

    def test_ended_requests_are_forgotten(self) -> None:
        prompts = flagged_prompts()
        prompts.add("r", parameters(a_request().to_xargs()), PROMPT)
        prompts.discard("r")
        assert prompts.step(["r"], np.array([0]), np.array([0, 6])) is None

    def test_another_count_than_admission_made_touches_all_but_the_last(self) -> None:
        prompts = flagged_prompts()
        prompts.add("r", parameters(a_request(((0, 1),), tokens=99).to_xargs()), PROMPT)
        step = prompts.step(["r"], np.array([0]), np.array([0, 6]))
        assert step is not None
        assert step.rows.tolist() == [0, 1, 2, 3, 4]

    @given(garbage)
    def test_what_admission_never_lets_through_blanks_the_prompt(self, value: object) -> None:
        prompts = flagged_prompts()
        prompts.add("r", parameters({XARGS_KEY: value}), PROMPT)
        step = prompts.step(["r"], np.array([0]), np.array([0, 6]))
        assert step is not None
        assert step.rows.tolist() == [0, 1, 2, 3, 4]
        assert step.changes[0].corruption.function == "zero_out_first_n"
        assert step.changes[0].corruption.dims >= WIDTH


@pytest.fixture
def guarded_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """vLLM's prefix cache with the plugin, until the test ends."""
    from vllm.v1.core import block_pool, kv_cache_utils

    from lethe.corruption.vllm_plugin.prefix_cache import guard_prefix_cache

    for module in (kv_cache_utils, block_pool):
        name = "generate_block_hash_extra_keys"
        monkeypatch.setattr(module, name, getattr(module, name))
    guard_prefix_cache()


def cache_request(prompt: list[int], extra_args: Any, salt: str | None = None, block: int = 2) -> "Request":
    """A request as the engine's core makes it, with the names of its blocks."""
    from vllm.utils.hashing import sha256
    from vllm.v1.core.kv_cache_utils import get_request_block_hasher, init_none_hash
    from vllm.v1.request import Request

    init_none_hash(sha256)
    return Request.from_engine_core_request(
        an_engine_request(extra_args, prompt, cache_salt=salt), get_request_block_hasher(block, sha256)
    )


def block_names(
    prompt: list[int], corruption: CorruptionRequest | None, salt: str | None = None
) -> list[bytes]:
    return [*cache_request(prompt, corruption and corruption.to_xargs(), salt).block_hashes]


def block_rows(prompt: list[int], corruption: CorruptionRequest | None) -> list[list[Row]]:
    """Everything that the keys and values of each block, of two tokens, are computed from."""
    rows = clean_rows(prompt) if corruption is None else rows_of(prompt, corruption)
    # vLLM names a row by its token too, also where another stands there.
    named = [*zip(prompt, rows, strict=True)]
    return [named[:end] for end in range(2, len(named) + 1, 2)]


class EngineCache:
    """vLLM's own cache of a model of one layer, with blocks of two tokens, as its scheduler drives it."""

    def __init__(self) -> None:
        from vllm.v1.core.kv_cache_manager import KVCacheManager
        from vllm.v1.kv_cache_interface import FullAttentionSpec, KVCacheConfig, KVCacheGroupSpec

        layer = FullAttentionSpec(block_size=2, num_kv_heads=1, head_size=1, dtype=torch.float32)
        config = KVCacheConfig(1000, [], [KVCacheGroupSpec(["layer"], layer)])
        self._manager = KVCacheManager(config, 1000, 2, 2, enable_kv_cache_events=True)

    def answer(self, prompt: list[int], corruption: CorruptionRequest | None, answer: list[int]) -> int:
        """Compute a prompt and its answer; gives the number of prompt tokens that needed no computing."""
        request = cache_request(prompt, corruption and corruption.to_xargs())
        blocks, hits, _ = self._manager.get_computed_blocks(request)
        assert self._manager.allocate_slots(request, len(prompt) - hits, hits, blocks) is not None
        request.num_computed_tokens = len(prompt)
        request.append_output_token_ids(answer)
        assert self._manager.allocate_slots(request, len(answer) - 1) is not None
        self._manager.free(request)
        return hits

    def stored(self) -> list[Any]:
        """The extra keys that went out with events of blocks stored since the last call."""
        return [keys for event in self._manager.take_events() for keys in event.extra_keys]


@pytest.mark.usefixtures("guarded_cache")
class TestEngineCache:
    @pytest.mark.parametrize(
        "corruption", [None, a_request(((1, 3),)), a_request(((4, 6),), function="shuffle")]
    )
    def test_each_turn_hits_up_to_what_is_new(self, corruption: CorruptionRequest | None) -> None:
        cache, conversation, computed = EngineCache(), [*PROMPT], 0
        for turn in range(10):
            assert cache.answer(conversation, corruption, [turn, 40, 41]) == computed
            # Of the last token of an answer nothing is computed any more.
            computed = (len(conversation) + 2) // 2 * 2
            conversation += [turn, 40, 41, 50, turn, 51]

    def test_where_all_but_the_last_is_corrupted_a_turn_hits_up_to_the_last_token_before(self) -> None:
        cache, conversation, last = EngineCache(), [*PROMPT], 0
        for turn in range(10):
            assert cache.answer(conversation, a_request(), [turn, 40, 41]) == last // 2 * 2
            last = len(conversation) - 1
            conversation += [turn, 40, 41, 50, turn, 51]

    def test_clean_text_before_a_flagged_message_is_all_that_is_shared(self) -> None:
        cache = EngineCache()
        prompt = [*PROMPT, *PROMPT]
        for corruption, hits in [
            (a_request(((7, 9),)), 0),
            (None, 6),
            (a_request(((7, 9),), seed=4), 6),
            (a_request(((3, 5),)), 2),
            (a_request(((7, 9),)), 10),
            (None, 10),
        ]:
            assert cache.answer(prompt, corruption, [1, 1]) == hits

    def test_events_tell_corrupted_blocks(self) -> None:
        cache = EngineCache()
        cache.answer(PROMPT, a_request(((2, 4),)), [1, 1])
        clean, corrupted, after = cache.stored()
        assert (clean, after) == (None, None)
        assert len(corrupted) == 1


@pytest.mark.usefixtures("guarded_cache")
class TestPrefixCache:
    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(corrupted_prompts(), corrupted_prompts())
    def test_blocks_share_a_name_if_and_only_if_their_rows_and_all_before_are_equal(
        self, one: tuple[list[int], CorruptionRequest], other: tuple[list[int], CorruptionRequest]
    ) -> None:
        for prompt, corruption in (other, (one[0], None)):
            names = zip(block_names(*one), block_names(prompt, corruption), strict=False)
            rows = zip(block_rows(*one), block_rows(prompt, corruption), strict=False)
            assert [a == b for a, b in names] == [a == b for a, b in rows]

    def test_clean_text_before_a_corruption_is_shared_with_everybody(self) -> None:
        clean, flagged = block_names(PROMPT, None), block_names(PROMPT, a_request(((2, 4),)))
        assert [a == b for a, b in zip(clean, flagged, strict=True)] == [True, False, False]

    def test_a_salt_keeps_clients_apart_and_names_no_corruption(self) -> None:
        flagged = a_request(((2, 4),))
        unsalted, mine, yours = (block_names(PROMPT, flagged, salt) for salt in (None, "mine", "yours"))
        assert {*unsalted}.isdisjoint(mine)
        assert {*mine}.isdisjoint(yours)
        assert block_names(PROMPT, None, "mine")[0] == mine[0]
        keys = cache_request(PROMPT, a_request(((0, 1),)).to_xargs()).lethe_block_keys  # type: ignore[attr-defined]
        assert block_names(PROMPT, None, keys.key(0, 2))[0] != block_names(PROMPT, a_request(((0, 1),)))[0]

    def test_what_admission_settled_is_what_is_named(self) -> None:
        wrong = an_engine_request(a_request(((0, 2),), 99).to_xargs())
        admit(wrong)
        assert wrong.sampling_params is not None
        settled = cache_request(PROMPT, wrong.sampling_params.extra_args).block_hashes
        assert settled == block_names(PROMPT, a_request(((0, len(PROMPT) - 1),)))

    def test_generated_tokens_continue_the_names(self) -> None:
        request = cache_request(PROMPT, a_request(((2, 4),)).to_xargs())
        request.append_output_token_ids([3, 4])
        assert request.block_hashes == block_names([*PROMPT, 3, 4], a_request(((2, 4),)))

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(garbage)
    def test_what_admission_never_lets_through_is_named_as_the_blanked_prompt_that_it_becomes(
        self, value: object
    ) -> None:
        request = cache_request(PROMPT, {XARGS_KEY: value})
        blank = a_request(function="zero_out_first_n", strength=0.0, dims=1 << 20, seed=0)
        assert request.block_hashes == block_names(PROMPT, blank)

    def test_a_fault_shares_nothing_but_the_very_same_prompt(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*args: Any) -> None:
            raise RuntimeError("a mistake, say")

        monkeypatch.setattr("lethe.corruption.vllm_plugin.prefix_cache.BlockKeys", fail)
        flagged = a_request(((2, 4),))
        names = block_names(PROMPT, flagged)
        assert names == block_names(PROMPT, flagged)
        for prompt, corruption in [
            (PROMPT, None),
            (PROMPT, a_request(((2, 3),))),
            (PROMPT[:-1], flagged),
            ([*PROMPT[:-1], 2], flagged),
        ]:
            assert {*names}.isdisjoint(block_names(prompt, corruption))

    def test_a_plan_is_made_once_a_prompt_and_none_for_clean_ones(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from lethe.corruption.vllm_plugin import prefix_cache

        made: list[str] = []
        plan = prefix_cache.applied_plan

        def counted(request_id: str, *rest: Any) -> Any:
            made.append(request_id)
            return plan(request_id, *rest)

        monkeypatch.setattr(prefix_cache, "applied_plan", counted)
        block_names(PROMPT, None)
        assert not made
        block_names(PROMPT, a_request())
        assert made == ["r"]

    @pytest.mark.parametrize("algorithm", ["sha256", "sha256_cbor", "xxhash", "xxhash_cbor"])
    def test_every_algorithm_of_vllm_takes_the_key(self, algorithm: str) -> None:
        from vllm.utils.hashing import get_hash_fn_by_name
        from vllm.v1.core.kv_cache_utils import generate_block_hash_extra_keys

        request = cache_request(PROMPT, a_request().to_xargs())
        keys, _ = generate_block_hash_extra_keys(request, 0, 2, 0)
        try:
            hash_of = get_hash_fn_by_name(algorithm)
            assert hash_of((b"parent", (1, 2), keys)) != hash_of((b"parent", (1, 2), None))
        except ModuleNotFoundError:
            pytest.skip(f"{algorithm} is not installed")


class TestCacheRefusals:
    def test_a_hasher_that_asks_for_no_extra_keys_stops_the_start(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from vllm.v1.core import kv_cache_utils

        from lethe.corruption.vllm_plugin.prefix_cache import guard_prefix_cache, require_blocks_apart

        with pytest.raises(EngineRefusal, match="would not keep corrupted blocks apart"):
            require_blocks_apart()
        monkeypatch.delattr(kv_cache_utils, "generate_block_hash_extra_keys")
        with pytest.raises(EngineRefusal, match="no method generate_block_hash_extra_keys"):
            guard_prefix_cache()

    def test_a_hasher_of_another_shape_stops_the_start(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from vllm.v1.core import kv_cache_utils

        from lethe.corruption.vllm_plugin.prefix_cache import require_blocks_apart

        monkeypatch.setattr(kv_cache_utils, "get_request_block_hasher", lambda size: None)
        with pytest.raises(EngineRefusal, match="not as in the release"):
            require_blocks_apart()

    @pytest.mark.parametrize(
        ("connector", "inner", "role", "refusal"),
        [
            ("ExampleConnector", [], "kv_both", "by their tokens alone"),
            (
                "MultiConnector",
                ["OffloadingConnector", "HF3FSKVConnector"],
                "kv_both",
                "by their tokens alone",
            ),
            ("NixlConnector", [], "kv_both", r"on different engines \(NixlConnector\)"),
            (
                "MultiConnector",
                ["MooncakeConnector", "OffloadingConnector"],
                "kv_both",
                "on different engines",
            ),
            ("LMCacheMPConnector", [], "kv_producer", r"on different engines \(kv_producer\)"),
            ("LMCacheMPConnector", [], "kv_consumer", r"on different engines \(kv_consumer\)"),
            ("MultiConnector", ["SimpleCPUOffloadConnector", "OffloadingConnector"], "kv_both", None),
            ("LMCacheMPConnector", [], "kv_both", None),
        ],
    )
    def test_blocks_that_would_be_taken_for_others_or_continued_elsewhere_stop_the_start(
        self, connector: str, inner: list[str], role: Any, refusal: str | None
    ) -> None:
        from vllm.config import KVTransferConfig

        from lethe.corruption.vllm_plugin.prefix_cache import require_blocks_apart_outside

        require_blocks_apart_outside(None)
        config = KVTransferConfig(
            kv_connector=connector,
            kv_role=role,
            kv_connector_extra_config={"connectors": [{"kv_connector": name} for name in inner]},
        )
        with pytest.raises(EngineRefusal, match=refusal) if refusal else nullcontext():
            require_blocks_apart_outside(config)


class TestCompatibility:
    def test_a_moved_touch_point_stops_the_start(self) -> None:
        with pytest.raises(EngineRefusal, match="no method gone"):
            replace_method(SimpleNamespace(), "gone", lambda original: original)

    def test_a_method_is_replaced_once(self) -> None:
        class Owner:
            def method(self) -> int:
                return 1

        for _ in range(2):
            replace_method(Owner, "method", lambda original: lambda self: original(self) + 1)
        assert Owner().method() == 2

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"use_ubatching": True}, "micro-batching"),
            ({"prefill_context_parallel_size": 2}, "context parallelism"),
            ({"enable_adaptive_verification": True}, "enable_adaptive_verification to false"),
            ({"is_encoder_decoder": True}, "encoder-decoder"),
        ],
    )
    def test_layouts_in_which_rows_move_stop_the_start(self, changes: dict[str, Any], message: str) -> None:
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


@pytest.fixture(scope="module")
def one_rank() -> Iterator[None]:
    """vLLM's process groups, of this process alone."""
    from vllm.config import VllmConfig, set_current_vllm_config
    from vllm.distributed import parallel_state
    from vllm.utils.network_utils import get_open_port

    with set_current_vllm_config(VllmConfig()):
        parallel_state.init_distributed_environment(
            1, 0, f"tcp://127.0.0.1:{get_open_port()}", 0, backend="gloo"
        )
        parallel_state.ensure_model_parallel_initialized(1, 1, backend="gloo")
        yield
        parallel_state.destroy_model_parallel()
        parallel_state.destroy_distributed_environment()


@pytest.fixture
def model(one_rank: None) -> nn.Module:
    return EmbeddingModel()


class EmbeddingModel(nn.Module):
    """A model that is its embedding."""

    def __init__(self, width: int = WIDTH) -> None:
        from vllm.model_executor.layers.vocab_parallel_embedding import VocabParallelEmbedding

        super().__init__()
        self.embed_tokens = VocabParallelEmbedding(64, width, params_dtype=torch.float32)
        self.embed_tokens.weight.data.normal_(generator=torch.Generator().manual_seed(0))

    def embed_input_ids(self, input_ids: Tensor) -> Tensor:
        return self.embed_tokens(input_ids)

    def forward(self, input_ids: Tensor) -> Tensor:
        return self.embed_input_ids(input_ids)


def transformers_model() -> nn.Module:
    """A model as vLLM runs one by transformers' code: its tokens enter in batches of one row."""
    from transformers import PretrainedConfig, PreTrainedModel

    class Inner(PreTrainedModel):
        config_class = PretrainedConfig

        def __init__(self) -> None:
            super().__init__(PretrainedConfig())
            self.embed_tokens = EmbeddingModel().embed_tokens

        def get_input_embeddings(self) -> nn.Module:
            return self.embed_tokens

        def forward(self, input_ids: Tensor) -> Tensor:
            return self.embed_tokens(input_ids)

    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = Inner()

        def embed_input_ids(self, input_ids: Tensor) -> Tensor:
            return self.model.get_input_embeddings()(input_ids)

        def forward(self, input_ids: Tensor) -> Tensor:
            return self.model(input_ids[None])[0]

    return Outer()


def find_lookup(model: nn.Module) -> tuple[nn.Module, str]:
    from lethe.corruption.vllm_plugin.lookup import find_lookup

    lookup = find_lookup(model)
    return lookup.owner, lookup.method


class TestLookup:
    def test_it_is_found_below_the_outer_model(self, model: nn.Module) -> None:
        assert find_lookup(nn.Sequential(nn.Linear(2, 2), model)) == (model, "embed_input_ids")

    def test_two_tables_stop_the_start(self, model: nn.Module) -> None:
        with pytest.raises(EngineRefusal, match="more ways than one"):
            find_lookup(nn.Sequential(model, EmbeddingModel()))

    def test_of_two_modules_that_hold_a_table_it_is_the_one_that_looks_up(self, model: nn.Module) -> None:
        class Handing(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.embed_tokens, self.decoder = model.embed_tokens, model

            def embed_input_ids(self, input_ids: Tensor) -> Tensor:
                return self.decoder.embed_input_ids(input_ids)

            def forward(self, input_ids: Tensor) -> Tensor:
                return self.decoder(input_ids)

        assert find_lookup(Handing()) == (model, "embed_input_ids")

    def test_two_modules_that_look_up_stop_the_start(self, model: nn.Module) -> None:
        class Looking(EmbeddingModel):
            def __init__(self) -> None:
                super().__init__()
                self.embed_tokens, self.decoder = model.embed_tokens, model

        with pytest.raises(EngineRefusal, match="looks its tokens up in no one place"):
            find_lookup(Looking())

    def test_no_table_stops_the_start(self) -> None:
        with pytest.raises(EngineRefusal, match="has no embedding that is known"):
            find_lookup(nn.Sequential(nn.Embedding(64, WIDTH)))

    def test_embeddings_that_are_scaled_before_they_are_corrupted_stop_the_start(
        self, model: nn.Module
    ) -> None:
        """Where transformers scales them after it, and corruptions are learned on what is smaller by the scale."""
        from vllm.model_executor.models.hrm_text import HrmTextModel

        scaling = HrmTextModel.__new__(HrmTextModel)
        nn.Module.__init__(scaling)
        scaling.add_module("embed_tokens", model.get_submodule("embed_tokens"))
        with pytest.raises(EngineRefusal, match="scales its embeddings before corruption"):
            find_lookup(scaling)

    def test_two_tables_of_one_module_stop_the_start(self, model: nn.Module) -> None:
        model.embed_tokens_per_layer = EmbeddingModel().embed_tokens
        with pytest.raises(EngineRefusal, match="more ways than one"):
            find_lookup(model)

    def test_a_forward_pass_that_leaves_it_to_its_base_class_is_known(self, one_rank: None) -> None:
        class Leaving(EmbeddingModel):
            def forward(self, input_ids: Tensor) -> Tensor:
                return super().forward(input_ids)

        leaving = Leaving()
        assert find_lookup(leaving) == (leaving, "embed_input_ids")

    def test_of_transformers_own_model_it_is_its_input_embeddings(self, one_rank: None) -> None:
        model = transformers_model()
        assert find_lookup(model) == (model.get_submodule("model.embed_tokens"), "forward")

    def test_a_tower_of_transformers_own_that_embeds_no_tokens_is_passed_over(self, model: nn.Module) -> None:
        from transformers import PretrainedConfig, PreTrainedModel

        class Tower(PreTrainedModel):
            config_class = PretrainedConfig

        seeing = nn.ModuleDict({"vision_tower": Tower(PretrainedConfig()), "language_model": model})
        assert find_lookup(seeing) == (model, "embed_input_ids")

    def test_where_the_forward_pass_asks_the_table_it_is_the_table(self, one_rank: None) -> None:
        """As Laguna and OLMo Hybrid do, which have the method for others to call."""

        class Direct(EmbeddingModel):
            def forward(self, input_ids: Tensor) -> Tensor:
                return self.embed_tokens(input_ids)

        direct = Direct()
        assert find_lookup(direct) == (direct.embed_tokens, "forward")

    def test_a_method_that_scales_and_is_not_called_stops_the_start(self, one_rank: None) -> None:
        class Scaling(EmbeddingModel):
            """Where corruption belongs, before or after the scaling, cannot be told."""

            def embed_input_ids(self, input_ids: Tensor) -> Tensor:
                return self.embed_tokens(input_ids) * self.get_buffer("scale")

            def forward(self, input_ids: Tensor) -> Tensor:
                return self.embed_tokens(input_ids) * self.get_buffer("scale")

        with pytest.raises(EngineRefusal, match="looks its tokens up in no one place"):
            find_lookup(Scaling())

    def test_where_the_method_has_another_name_it_is_the_table(self, one_rank: None) -> None:
        class Named(nn.Module):
            """As Cohere's mixture of experts."""

            def __init__(self) -> None:
                super().__init__()
                self.embed_tokens = EmbeddingModel().embed_tokens

            def get_input_embeddings(self, input_ids: Tensor) -> Tensor:
                return self.embed_tokens(input_ids)

            def forward(self, input_ids: Tensor) -> Tensor:
                return self.get_input_embeddings(input_ids)

        named = Named()
        assert find_lookup(named) == (named.embed_tokens, "forward")

    def test_layers_that_are_given_the_tokens_stop_the_start(self, model: nn.Module) -> None:
        # They choose their experts by the tokens.
        from vllm.models.deepseek_v4.cpu.model import DeepseekV4DecoderLayer

        layer = DeepseekV4DecoderLayer.__new__(DeepseekV4DecoderLayer)
        nn.Module.__init__(layer)
        model.layers = nn.ModuleList([layer])
        with pytest.raises(EngineRefusal, match="more ways than one"):
            find_lookup(model)

    def test_a_fused_lookup_is_left_for_the_method(self, one_rank: None) -> None:
        class Fusing(EmbeddingModel):
            """Reads its table past its method, as DeepSeek-V3.2 does on one rank."""

            replicated_embed = True

            def forward(self, input_ids: Tensor) -> Tensor:
                if self.replicated_embed:
                    return self.embed_tokens.weight[input_ids]
                return self.embed_input_ids(input_ids)

        fusing = Fusing()
        assert find_lookup(fusing) == (fusing, "embed_input_ids")
        assert not fusing.replicated_embed

    def test_a_lookup_past_the_method_stops_the_start(self, one_rank: None) -> None:
        class Passing(EmbeddingModel):
            def forward(self, input_ids: Tensor, fused: bool = True) -> Tensor:
                return self.embed_tokens.weight[input_ids] if fused else self.embed_input_ids(input_ids)

        with pytest.raises(EngineRefusal, match="more ways than one"):
            find_lookup(Passing())


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


def test_rows_without_an_adapter_get_nothing_of_the_last_slots(monkeypatch: pytest.MonkeyPatch) -> None:
    from vllm.lora.ops.torch_ops import lora_ops
    from vllm.lora.punica_wrapper import punica_cpu

    from lethe.corruption.vllm_plugin.cpu_adapters import keep_clean_rows_clean

    for module in (lora_ops, punica_cpu):
        for name in ("bgmv_expand", "bgmv_expand_slice"):
            monkeypatch.setattr(module, name, getattr(module, name))
    keep_clean_rows_clean()
    shrunk, weights = torch.ones(3, 2), torch.ones(2, 1, 4, 2)
    for expand, rest in (
        (punica_cpu.bgmv_expand, (True,)),
        (punica_cpu.bgmv_expand_slice, (0, 4, True)),
    ):
        output = torch.full((3, 4), 5.0)
        expand(shrunk, weights, output, torch.tensor([0, -1, 1]), *rest)
        assert output[:, 0].tolist() == [7, 5, 7]
    output = torch.full((3, 4), 5.0)
    lengths = torch.tensor([2, 1])
    punica_cpu.sgmv_expand(shrunk, weights, output, lengths, lengths, torch.tensor([-1, 0]), 2, 2, 3, True)
    assert output[:, 0].tolist() == [5, 5, 7]
