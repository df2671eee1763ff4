"""The limits of keys counted in Redis, for all replicas together; by each for itself while Redis does not answer.

A request in flight holds a lease that its proxy renews, so the places of a proxy that died come back. Redis's own
clock is the only one that counts.
"""

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lethe.server.access.keys import Quota
from lethe.server.access.limits import KeyLimits, LimitReached, LocalLimits, Release, nothing_to_release
from lethe.server.circuit_breaker import CircuitBreaker
from lethe.server.errors import OperatorError
from lethe.server.metrics import Metrics

if TYPE_CHECKING:
    from redis.asyncio import Redis

_LOGGER = logging.getLogger("lethe.limits")
_PAUSE_S = 1.0

# KEYS: bucket, leases. ARGV: requests a minute, requests at a time (0 for no limit), lease, its seconds, then
# leases that have ended.
_ADMIT = """
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
local per_minute, places = tonumber(ARGV[1]), tonumber(ARGV[2])
if places > 0 then
  for index = 5, #ARGV do redis.call('ZREM', KEYS[2], ARGV[index]) end
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
  if redis.call('ZCARD', KEYS[2]) >= places then return {'concurrency', '1'} end
end
if per_minute > 0 then
  local kept = redis.call('HMGET', KEYS[1], 'tokens', 'filled')
  local passed = math.max(now - tonumber(kept[2] or now), 0)
  local tokens = tonumber(kept[1] or per_minute) + passed * per_minute / 60
  tokens = math.min(tokens, per_minute)
  local passes = tokens >= 1
  if passes then tokens = tokens - 1 end
  redis.call('HSET', KEYS[1], 'tokens', string.format('%.6f', tokens), 'filled', string.format('%.6f', now))
  redis.call('EXPIRE', KEYS[1], 61)
  if not passes then return {'rate', string.format('%.6f', (1 - tokens) * 60 / per_minute)} end
end
if places > 0 then
  redis.call('ZADD', KEYS[2], now + ARGV[4], ARGV[3])
  redis.call('PEXPIRE', KEYS[2], math.ceil(ARGV[4] * 1000))
end
return {'', '0'}
"""

# KEYS: leases. ARGV: seconds, then the leases that are still held. XX: one that has ended stays so.
_RENEW = """
local clock = redis.call('TIME')
local until_then = clock[1] + clock[2] / 1000000 + ARGV[1]
for index = 2, #ARGV do redis.call('ZADD', KEYS[1], 'XX', until_then, ARGV[index]) end
redis.call('PEXPIRE', KEYS[1], math.ceil(ARGV[1] * 1000))
"""


class RedisLimits:
    """Counts for all proxies that share a Redis.

    While it does not answer, each proxy counts for itself, so a key may use up to its limits at every proxy. The
    change is logged and counted, and Redis is asked again after a second.

    Parameters
    ----------
    url
        ``redis://``, ``rediss://`` or ``unix://``, with a password if there is one.
    timeout_s
        How long a request waits for Redis.
    lease_s
        How long the places of a proxy that died stay taken.

    Attributes
    ----------
    answers
        Whether Redis answered when last asked.
    errors
        How often it did not.

    Raises
    ------
    OperatorError
        The address is none, or the client library is not installed.
    """

    def __init__(self, url: str, *, timeout_s: float, lease_s: float = 30.0) -> None:
        self._redis = _client(url, timeout_s)
        self._admit = self._redis.register_script(_ADMIT)
        self._renew = self._redis.register_script(_RENEW)
        self._timeout_s = timeout_s
        self._lease_s = lease_s
        self._local: KeyLimits = LocalLimits()
        self._breaker = CircuitBreaker(failures=1, pause_s=_PAUSE_S)
        self._held: dict[str, set[str]] = {}
        self._ended: dict[str, set[str]] = {}
        self._wake = asyncio.Event()
        self._closing = False
        self._keeper: asyncio.Task[None] | None = None
        self.answers = True
        self.errors = 0

    async def open(self) -> None:
        """See `KeyLimits.open`. A Redis that does not answer yet is logged, and asked again later."""
        self._keeper = asyncio.create_task(self._keep_leases())
        with contextlib.suppress(*_failures()):
            await self._ask(self._redis.ping)

    async def admit(self, quota: Quota) -> Release:
        """See `KeyLimits.admit`."""
        if quota.requests_per_minute is None and quota.concurrency is None:
            return nothing_to_release
        if not self._breaker.allows():
            return await self._local.admit(quota)
        lease = secrets.token_hex(8)
        limits = [quota.requests_per_minute or 0, quota.concurrency or 0]
        ended = self._ended.get(quota.name, ())
        try:
            limit, wait = await self._ask(
                lambda: self._admit(
                    keys=[_bucket(quota.name), _leases(quota.name)],
                    args=[*limits, lease, self._lease_s, *ended],
                )
            )
        except _failures():
            # Redis may have counted it all the same.
            self._end(quota, lease)
            return await self._local.admit(quota)
        except asyncio.CancelledError:
            self._end(quota, lease)
            raise
        if limit:
            raise LimitReached(quota, limit.decode(), float(wait))
        if quota.concurrency is None:
            return nothing_to_release
        self._held.setdefault(quota.name, set()).add(lease)
        return lambda: self._end(quota, lease)

    def show_in(self, metrics: Metrics) -> None:
        """Show how Redis fares."""
        metrics.show(
            "gauge",
            "lethe_redis_up",
            "Whether Redis answered (1) or not (0) when last asked.",
            lambda: self.answers,
        )
        metrics.show(
            "counter", "lethe_redis_errors", "Questions that Redis did not answer.", lambda: self.errors
        )

    async def close(self) -> None:
        """See `KeyLimits.close`."""
        # The client library does not always pass a cancellation on, so the keeper is asked to end.
        self._closing = True
        self._wake.set()
        if self._keeper is not None:
            await self._keeper
        await self._redis.aclose()

    def _end(self, quota: Quota, lease: str) -> None:
        if quota.concurrency is not None:
            self._held.get(quota.name, set()).discard(lease)
            self._ended.setdefault(quota.name, set()).add(lease)
            self._wake.set()

    async def _keep_leases(self) -> None:
        """Tell Redis which leases have ended, at once, and which are still held, in time."""
        renew_every = self._lease_s / 3
        renewed = time.monotonic()
        while not self._closing:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(renewed + renew_every - time.monotonic()):
                    await self._wake.wait()
            self._wake.clear()
            # A lease that cannot be ended now ends by itself: nobody renews it.
            with contextlib.suppress(*_failures()):
                await self._ask(self._forget_ended)
            if time.monotonic() >= renewed + renew_every:
                renewed = time.monotonic()
                with contextlib.suppress(*_failures()):
                    await self._ask(self._renew_held)

    async def _forget_ended(self) -> None:
        ended = {key: frozenset(leases) for key, leases in self._ended.items()}
        if not ended:
            return
        try:
            async with self._redis.pipeline(transaction=False) as pipeline:
                for key, leases in ended.items():
                    pipeline.zrem(_leases(key), *leases)
                await pipeline.execute()
        finally:
            # Until here `admit` has told Redis of them too, lest a client's next request come before its last ended.
            for key, leases in ended.items():
                self._ended[key] -= leases
                if not self._ended[key]:
                    del self._ended[key]

    async def _renew_held(self) -> None:
        self._held = {key: leases for key, leases in self._held.items() if leases}
        for key, leases in list(self._held.items()):
            await self._renew(keys=[_leases(key)], args=[self._lease_s, *leases])

    async def _ask(self, command: Callable[[], Any]) -> Any:
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await command()
        except _failures() as error:
            self._failed(error)
            raise
        self._breaker.succeeded()
        if not self.answers:
            self.answers = True
            _LOGGER.info("redis answers again: the limits of keys are counted for all proxies together")
        return answer

    def _failed(self, error: BaseException) -> None:
        self._breaker.failed()
        self.errors += 1
        if self.answers:
            self.answers = False
            reason = " ".join(f"{type(error).__name__} {error}".split())
            _LOGGER.warning(
                "redis does not answer, this proxy counts the limits of keys for itself: %s", reason
            )


def _client(url: str, timeout_s: float) -> "Redis":
    try:
        from redis.asyncio import Redis
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff
        from redis.exceptions import ConnectionError
    except ModuleNotFoundError:
        raise OperatorError("redis.url needs a library: pip install 'lethegate[redis]'") from None
    # The one further try is for connections that a Redis which was started anew has forgotten.
    retry = Retry(NoBackoff(), 1, supported_errors=(ConnectionError,))
    try:
        return Redis.from_url(
            url, socket_timeout=timeout_s, socket_connect_timeout=timeout_s, retry=retry, client_name="lethe"
        )
    except ValueError as error:
        raise OperatorError(f"redis.url: {error}") from None


def _failures() -> tuple[type[BaseException], ...]:
    from redis.exceptions import RedisError

    return RedisError, TimeoutError, OSError


def _bucket(key: str) -> str:
    # What stands in braces decides on the node of a cluster, so that one script may touch both.
    return f"lethe:{{{key}}}:bucket"


def _leases(key: str) -> str:
    return f"lethe:{{{key}}}:leases"
