"""vLLM's own prefix cache with corrupted prompts."""

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings

from lethe.corruption.request import XARGS_KEY, CorruptionRequest
from lethe.corruption.vllm_plugin.compatibility import EngineRefusal
from tests.corruption.corrupted_rows import Row, clean_rows, corrupted_prompts, rows_of
from tests.corruption.vllm_plugin.engine_requests import (
    NEEDS_VLLM,
    PROMPT,
    a_request,
    admit,
    an_engine_request,
    garbage,
)

if TYPE_CHECKING:
    from vllm.v1.request import Request

pytestmark = NEEDS_VLLM


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
