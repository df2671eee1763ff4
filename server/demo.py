"""The same questions to the bare engine and through the proxy, for a person to compare."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import aiohttp

from lethe.classifier.conversation import Conversation
from lethe.server.engines.address import EngineAddress
from lethe.server.engines.client import EngineClient
from lethe.server.errors import OperatorError
from lethe.server.guard.classification import ClassifierFactory
from lethe.server.guard.decision import Decision
from lethe.server.guard.guard import Guard
from lethe.server.guard.host import NoEngines, Unasked
from lethe.server.metrics import Metrics
from lethe.server.settings.settings import Settings
from lethe.server.targets.served_model import ServedModel

QUESTIONS = (
    "Who is Harry Potter's best friend?",
    "Which house is the boy with the lightning scar sorted into at Hogwarts?",
    "Who wrote Pride and Prejudice?",
)


@dataclass(frozen=True)
class Answer:
    """What was said, and how long it took in seconds."""

    text: str
    seconds: float


@dataclass(frozen=True)
class Comparison:
    """One question, answered by both.

    Attributes
    ----------
    classify_seconds
        What the verdict took, uncached.
    """

    question: str
    decision: Decision
    classify_seconds: float
    bare: Answer
    guarded: Answer


async def compare(
    settings: Settings, proxy: EngineAddress, engine: EngineAddress, questions: Sequence[str], max_tokens: int
) -> list[Comparison]:
    """Ask every question of both, greedily, and judge it with the same bundles as the proxy.

    Raises
    ------
    OperatorError
        One of the two does not answer.
    """
    host = NoEngines(Unasked(await _served_model(engine)))
    guard = Guard(
        settings.targets,
        ClassifierFactory(settings),
        host,
        settings.policy,
        Metrics(),
        signers=settings.signers,
    )
    await guard.load()
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=300)) as session:
        comparisons = []
        for question in questions:
            started = time.perf_counter()
            decision = await guard.decide([Conversation.from_prompt(question)])
            classify_seconds = time.perf_counter() - started
            bare = await _ask(session, engine, question, max_tokens)
            guarded = await _ask(session, proxy, question, max_tokens)
            comparisons.append(Comparison(question, decision, classify_seconds, bare, guarded))
    await guard.close()
    return comparisons


async def _served_model(engine: EngineAddress) -> ServedModel | None:
    client = EngineClient(engine.url, engine.api_key, connect_timeout_s=10, read_timeout_s=60)
    await client.open()
    try:
        await client.learn_facts()
    finally:
        await client.close()
    return client.facts.model if client.facts else None


async def _ask(
    session: aiohttp.ClientSession, address: EngineAddress, question: str, max_tokens: int
) -> Answer:
    body = {
        "messages": [{"role": "user", "content": question}],
        "temperature": 0,
        "max_tokens": max_tokens,
    }
    headers = {"Authorization": f"Bearer {address.api_key}"} if address.api_key else {}
    started = time.perf_counter()
    try:
        # As `lethe serve` says where it is, with what OpenAI's clients want at its end.
        url = f"{address.url.rstrip('/').removesuffix('/v1')}/v1/chat/completions"
        async with session.post(url, json=body, headers=headers) as response:
            document = await response.json()
            if response.status != 200:
                raise OperatorError(f"{address.url} answered {response.status}: {document}")
    except (aiohttp.ClientError, TimeoutError) as error:
        raise OperatorError(f"{address.url} does not answer ({type(error).__name__})") from None
    text = document["choices"][0]["message"]["content"]
    return Answer(text, time.perf_counter() - started)
