"""A key may ask as often, and have as many requests under way, as it may; by a clock that is set by hand."""

import pytest

from lethe.server.access.limits import LimitReached, LocalLimits
from tests.server.stack import api_key

pytestmark = pytest.mark.anyio


async def test_a_bucket_fills_evenly() -> None:
    now = 0.0
    limits = LocalLimits(lambda: now)

    async def wait() -> float:
        try:
            await limits.admit(api_key("a", requests_per_minute=2))
        except LimitReached as reached:
            return reached.retry_after_s
        return 0

    assert [await wait() for _ in range(3)] == [0, 0, 30]
    now = 29.0
    assert await wait() == pytest.approx(1)
    now = 30.0
    assert [await wait() for _ in range(2)] == [0, 30]
    now = 1e6
    assert [await wait() for _ in range(3)] == [0, 0, 30]
