"""Why a test may pass before the bare engine alone, or before the guard alone; docs/security.md says more of what is refused."""

import re

REASONS: dict[str, str] = {
    r"^(.*::test_)?models$": "vLLM has no `GET /v1/models/{id}`, the guard has",
    r"the_id_of_a_request$|^the id of a request$": "the guard names every request in `X-Request-Id`; vLLM does so where it is "
    "started with `--enable-request-id-headers`",
}
"""By a pattern of the test's name."""


def reason_of(test: str) -> str | None:
    """Why a test passes before one of both alone; None where nobody knows."""
    return next((reason for pattern, reason in REASONS.items() if re.search(pattern, test)), None)
