"""Why a test may pass before the bare engine alone, or before the guard alone, with where the documentation says so."""

import re

_ROUTES = "api.md#what-else-vllm-serves"

REASONS = {
    r"^(.*::test_)?models$": "vLLM has no `GET /v1/models/{id}`, the guard has",
    r"the_id_of_a_request$|^the id of a request$": "the guard names every request in `X-Request-Id`; vLLM does so where it is "
    "started with `--enable-request-id-headers`",
    r"test_batched_chat_completions": f"[not served]({_ROUTES}): `/v1/chat/completions/batch`",
    r"::test_invocations$": f"[not served]({_ROUTES}): `/invocations`",
    r"::test_show_version$": f"[not served]({_ROUTES}): `/version`",
    r"::test_tokenizer_info": f"[not served]({_ROUTES}): `/tokenizer_info`",
    r"::test_detokenize": "[`/detokenize`](operating.md) needs a key that may administer",
    r"::test_kv_transfer": "[refused](security.md): `kv_transfer_params`, which steers the engine",
    r"::test_batch_completions": "[refused](security.md): `use_beam_search`, whose branches would not be guarded",
    r"::test_background_error$": "[refused](security.md), in other words than the engine's: `background`",
    r"::test_empty_prompt$": "refused, in other words than the engine's",
    r"::test_long_seed$": "refused, [in other words](api.md) than the engine's: a number beyond 64 bits",
    r"::test_structured_outputs_regex_chat$": "chance: two samples of the model are to differ",
    r"::test_chat_session_with_echo_and_continue_final_message": "time: an answer as long as the model has room for",
}
"""By a pattern of the test's name."""


def reason_of(test: str) -> str | None:
    """Why a test passes before one of both alone; None where nobody knows."""
    return next((reason for pattern, reason in REASONS.items() if re.search(pattern, test)), None)
