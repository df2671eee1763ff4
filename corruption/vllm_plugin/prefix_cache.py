"""vLLM's prefix cache, made to keep corrupted blocks apart block by block.

vLLM names a block by its parent's name, its tokens and extra keys, for adapters, images and salts. A block with
corrupted rows gets one more extra key; blocks before it get none and are shared with everybody, and blocks after it
inherit it through their parent's name. Extra keys are tagged by their kind, so no salt or adapter can name one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from vllm.config import KVTransferConfig
from vllm.logger import init_logger
from vllm.sampling_params import SamplingParams
from vllm.utils.hashing import sha256
from vllm.v1.core import block_pool, kv_cache_utils
from vllm.v1.request import Request

from lethe.corruption.artifact import Corruption
from lethe.corruption.block_keys import BlockKeys, whole_prompt_digest
from lethe.corruption.request import XARGS_KEY, CorruptionRequest, PlacedCorruption
from lethe.corruption.vllm_plugin.applied import applied_plan, is_flagged
from lethe.corruption.vllm_plugin.compatibility import EngineRefusal, replace_method

logger = init_logger("vllm.lethe.prefix_cache")

_EXTRA_KEYS = "generate_block_hash_extra_keys"
_KEPT_ON_REQUEST = "lethe_block_keys"
_NAMED_BY_TOKENS_ALONE = {"ExampleConnector", "HF3FSKVConnector"}
# Of prompts that one engine computes and another continues.
_BETWEEN_ENGINES = {
    "MooncakeConnector",
    "MoRIIOConnector",
    "NixlConnector",
    "NixlPullConnector",
    "NixlPushConnector",
}
_BLOCK = 2


class _Keys(Protocol):
    def key(self, start: int, end: int) -> str | None: ...


@dataclass(frozen=True)
class _WholePrompt:
    """One key for every block: of use to the very same prompt alone."""

    digest: str

    def key(self, start: int, end: int) -> str:
        return self.digest


def guard_prefix_cache() -> None:
    """Have the names of corrupted blocks say so, in every process that makes such names.

    Raises
    ------
    EngineRefusal
        vLLM makes its blocks' names in another way than the release that was tested.
    """
    # The second writes the extra keys into the events that tell other processes of cached blocks.
    for module in (kv_cache_utils, block_pool):
        replace_method(module, _EXTRA_KEYS, _with_corruption)
    require_blocks_apart()


def require_blocks_apart() -> None:
    """Refuse an engine that gives a corrupted block the name of a clean one, by asking its own hasher.

    Raises
    ------
    EngineRefusal
        It does, or cannot be asked.
    """
    try:
        clean, first, second = (_probed(request) for request in (None, _probe(seed=1), _probe(seed=2)))
    except (TypeError, AttributeError) as error:
        raise EngineRefusal(f"vLLM's prefix cache is not as in the release: {error}") from None
    shared, corrupted, after = zip(clean, first, second, strict=True)
    if len(set(shared)) != 1 or len(set(corrupted)) != 3 or len(set(after)) != 3:
        raise EngineRefusal("vLLM's prefix cache would not keep corrupted blocks apart from clean ones")


def require_blocks_apart_outside(config: KVTransferConfig | None) -> None:
    """Refuse connectors by which a corrupted block would be another's, or be continued without its corruption.

    Raises
    ------
    EngineRefusal
        One that names blocks by their tokens alone, without extra keys or salt, is configured, by itself or among several;
        or one that hands prompts from engine to engine, or the engine does a half of requests.
    """
    connectors = _connectors(config and {**vars(config)})
    halves = {"kv_producer", "kv_consumer"} & {str(config and config.kv_role)}
    if split := halves | (_BETWEEN_ENGINES & connectors):
        raise EngineRefusal(
            f"prefill and decode would be on different engines ({', '.join(sorted(split))}), which corruption does not "
            "support; have each engine answer whole requests"
        )
    if unsafe := _NAMED_BY_TOKENS_ALONE & connectors:
        raise EngineRefusal(
            f"{', '.join(sorted(unsafe))} names cached blocks by their tokens alone; corrupted ones would be "
            "served to clean prompts"
        )


def _connectors(config: Mapping[str, Any] | None) -> set[str]:
    if not config:
        return set()
    # Several connectors are configured within one of their own kind.
    inner = (config.get("kv_connector_extra_config") or {}).get("connectors") or []
    return {str(config.get("kv_connector"))}.union(*map(_connectors, inner))


def _probe(seed: int) -> CorruptionRequest:
    corruption = Corruption("rand_noise_first_n", 1.0, 1, seed=seed)
    return CorruptionRequest((PlacedCorruption("", "", corruption, ((2 * _BLOCK, 2 * _BLOCK + 1),)),))


def _probed(corruption: CorruptionRequest | None) -> list[bytes]:
    """Give vLLM's names of a clean block, a block that a corruption falls on and a clean one after it."""
    request = Request(
        request_id="lethe",
        prompt_token_ids=list(range(4 * _BLOCK)),
        sampling_params=SamplingParams(extra_args=corruption and corruption.to_xargs()),
        pooling_params=None,
    )
    # The name that stands for no parent is drawn later, when the engine starts.
    request.block_hashes.append(kv_cache_utils.BlockHash(b"parent"))
    hasher = kv_cache_utils.get_request_block_hasher(_BLOCK, sha256)
    return [*hasher(request)]


def _with_corruption(original: Callable[..., tuple[Any, int]]) -> Callable[..., tuple[Any, int]]:
    def generate_block_hash_extra_keys(
        request: Request, start_token_idx: int, end_token_idx: int, start_mm_idx: int
    ) -> tuple[tuple[Any, ...] | None, int]:
        extra_keys, next_mm_idx = original(request, start_token_idx, end_token_idx, start_mm_idx)
        if is_flagged(request.sampling_params):
            key = _keys_of(request).key(start_token_idx, end_token_idx)
            if key is not None:
                extra_keys = (*(extra_keys or ()), (XARGS_KEY, key))
        return extra_keys, next_mm_idx

    return generate_block_hash_extra_keys


def _keys_of(request: Request) -> _Keys:
    keys = getattr(request, _KEPT_ON_REQUEST, None)
    if keys is None:
        keys = _keys(request)
        setattr(request, _KEPT_ON_REQUEST, keys)
    return keys


def _keys(request: Request) -> _Keys:
    parameters, token_ids = request.sampling_params, request.prompt_token_ids
    assert parameters is not None
    assert parameters.extra_args is not None
    try:
        if token_ids is not None:
            plan = applied_plan(request.request_id, parameters.extra_args, len(token_ids))
            return BlockKeys(plan, token_ids)
    except Exception:
        # Without a key of its own a corrupted block would be served to clean prompts.
        logger.exception("Request %s shares no block with another prompt.", request.request_id)
    return _WholePrompt(whole_prompt_digest(repr(parameters.extra_args[XARGS_KEY]), token_ids or ()))
