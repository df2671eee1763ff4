"""Several engines that serve the same model: who is asked, and what happens where one is not there."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from lethe.server.errors import EngineNotReached
from tests.server.stack import Stack, chat, write_adapter

pytestmark = [pytest.mark.anyio, pytest.mark.engines(3)]

PATH = "/v1/chat/completions"


def asked(stack: Stack) -> list[int]:
    return [len(engine.requests) for engine in stack.engines]


def goes_down(stack: Stack, index: int) -> None:
    """An engine's address is one where nobody listens from now on."""
    stack.clients[index].base_url = "http://127.0.0.1:1"


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_conversation_stays_with_its_engine_and_others_spread(stack: Stack) -> None:
    for number in range(40):
        messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": f"{number}"}]
        before = asked(stack)
        for _ in range(3):
            assert (await stack.client.post(PATH, json={"messages": messages})).status_code == 200
            messages += [{"role": "assistant", "content": "x"}, {"role": "user", "content": "go on"}]
        assert sorted(now - then for now, then in zip(asked(stack), before, strict=True)) == [0, 0, 3]
    assert all(asked(stack))


async def test_a_popular_beginning_does_not_overload_one(stack: Stack) -> None:
    for engine in stack.engines:
        engine.holds = True
    calls = [asyncio.create_task(stack.client.post(PATH, json=chat("the same"))) for _ in range(12)]
    await until(lambda: sum(asked(stack)) == 12)
    assert max(asked(stack)) <= 6
    assert await stack.metric("lethe_engine_requests_in_flight{") == 12
    for engine in stack.engines:
        engine.hold.set()
    assert {(await call).status_code for call in calls} == {200}
    assert await stack.metric("lethe_engine_requests_in_flight{") == 0


@pytest.mark.parametrize("stream", [True, False])
async def test_what_an_engine_never_got_is_asked_of_another(stack: Stack, stream: bool) -> None:
    goes_down(stack, 0)
    goes_down(stack, 1)
    for number in range(20):
        assert (await stack.client.post(PATH, json=chat(f"{number}", stream=stream))).status_code == 200
    assert asked(stack) == [0, 0, 20]


@pytest.mark.parametrize("stream", [True, False])
async def test_what_an_engine_that_stops_does_not_take_is_asked_of_another(
    stack: Stack, stream: bool
) -> None:
    stack.engines[0].stops = stack.engines[1].stops = True
    for number in range(20):
        answer = await stack.client.post(PATH, json=chat(f"{number}", stream=stream))
        assert (answer.status_code, "error" in answer.text) == (200, False)
    assert asked(stack)[2] == 20
    stack.engines[2].stops = True
    answer = await stack.client.post(PATH, json=chat("hi", stream=stream))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


async def refuse_once(stack: Stack, *indices: int) -> None:
    """Have some engines refuse a request because they stop."""
    for index in indices:
        stack.engines[index].stops = True
        with pytest.raises(EngineNotReached):
            await stack.clients[index].post(PATH, chat("hi"))
        stack.engines[index].stops = False


@pytest.mark.parametrize("end", ["aborts", "is_dead"])
async def test_what_meets_the_end_of_an_engine_that_said_it_stops_is_asked_of_another(
    stack: Stack, end: str
) -> None:
    await refuse_once(stack, 0, 1)
    for engine in stack.engines[:2]:
        setattr(engine, end, True)
    before = asked(stack)
    for number in range(20):
        assert (await stack.client.post(PATH, json=chat(f"{number}"))).status_code == 200
    assert sum(asked(stack)[:2]) > sum(before[:2])
    assert asked(stack)[2] == before[2] + 20


@pytest.mark.parametrize("end", ["aborts", "is_dead"])
async def test_what_an_engine_had_before_it_said_so_is_asked_of_no_other(stack: Stack, end: str) -> None:
    for engine in stack.engines:
        engine.holds = True
    request = asyncio.create_task(stack.client.post(PATH, json=chat("hi")))
    await until(lambda: sum(asked(stack)) == 1)
    index = asked(stack).index(1)
    await refuse_once(stack, index)
    engine = stack.engines[index]
    engine.next_answers, engine.is_dead = [None], end == "is_dead"
    engine.hold.set()
    assert (await request).status_code == (503 if end == "is_dead" else 502)
    # Once, and twice what was refused.
    assert sum(asked(stack)) == 3


async def test_what_an_engine_may_have_died_of_is_asked_of_no_other(stack: Stack) -> None:
    for engine in stack.engines:
        engine.is_dead = True
    answer = await stack.client.post(PATH, json=chat("hi"))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "stack trace" not in answer.text
    assert sum(asked(stack)) == 1


@pytest.mark.settings(engine={"read_timeout_s": 0.3})
async def test_what_an_engine_may_have_got_is_asked_of_no_other(stack: Stack) -> None:
    for engine in stack.engines:
        engine.holds = True
    assert (await stack.client.post(PATH, json=chat("hi"))).status_code == 504
    assert sum(asked(stack)) == 1


async def test_a_request_is_refused_when_none_is_left(stack: Stack) -> None:
    for index in range(3):
        goes_down(stack, index)
    response = await stack.client.post(PATH, json=chat("hi"))
    assert response.status_code == 503
    assert int(response.headers["retry-after"]) > 0


async def test_ready_means_that_one_is_and_each_is_shown(
    stack: Stack, logged: pytest.LogCaptureFixture
) -> None:
    assert (await stack.client.get("/ready")).status_code == 200
    for index in (0, 1):
        goes_down(stack, index)
        client = stack.clients[index]
        await until(lambda client=client: not client.ready)
    assert (await stack.client.get("/ready")).status_code == 200
    ups = [await stack.metric(f'lethe_engine_up{{engine="{c.label}"') for c in stack.clients]
    assert ups == [0, 0, 1]
    url = stack.clients[0].base_url = stack.engines[0].url
    await until(lambda: stack.clients[0].ready)
    lost = "engine: http://127.0.0.1:1 does not answer, and is asked nothing"
    assert logged.record_tuples == [
        *[("lethe.engines", logging.ERROR, lost)] * 2,
        ("lethe.engines", logging.INFO, f"engine: {url} is ready"),
    ]


async def test_an_engine_with_another_model_is_not_asked(
    stack: Stack, logged: pytest.LogCaptureFixture
) -> None:
    client = stack.clients[1]
    goes_down(stack, 1)
    await until(lambda: not client.ready)
    stack.engines[1].served = "org/other"
    client.base_url = stack.engines[1].url
    await until(lambda: client.unavailable_because == "its engine is not fit to serve")
    assert (await stack.client.post(PATH, json=chat("hi"))).status_code == 200
    assert asked(stack)[1] == 0
    [(logger, level)] = [each[:2] for each in logged.record_tuples if "serve the same model" in each[2]]
    assert (logger, level) == ("lethe.engines", logging.ERROR)


@pytest.mark.engines(2)
async def test_an_engine_that_goes_as_it_is_fitted_is_asked_once_it_is_back(
    stack: Stack, targets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = stack.clients[1]
    goes_down(stack, 1)
    await until(lambda: not client.ready)
    write_adapter(targets, "films")
    await stack.guard.load()
    learn_facts = client.learn_facts

    async def learn_facts_and_go() -> None:
        await learn_facts()
        goes_down(stack, 1)

    with monkeypatch.context() as patch:
        patch.setattr(client, "learn_facts", learn_facts_and_go)
        client.base_url = stack.engines[1].url
        await until(lambda: client.unavailable_because == "its engine is not fit to serve")
    client.base_url = stack.engines[1].url
    await until(lambda: client.ready)
    assert len(stack.engines[1].adapters) == 1


async def test_an_engine_that_loses_the_plugin_while_it_is_well_is_asked_no_longer(stack: Stack) -> None:
    flagged = chat("potter")
    assert (await stack.client.post(PATH, json=flagged)).status_code == 200
    for engine in stack.engines:
        engine.metrics_page = "vllm:num_requests_running 0.0\n"
    await until(lambda: not any(client.ready for client in stack.clients))
    sent = sum(asked(stack))
    assert (await stack.client.post(PATH, json=flagged)).status_code == 503
    assert sum(asked(stack)) == sent
    for engine in stack.engines:
        engine.metrics_page = 'lethe_plugin_info{version="1"} 1.0\n'
    await until(lambda: all(client.ready for client in stack.clients))


async def test_an_engine_that_is_another_model_by_now_is_asked_no_longer(
    stack: Stack, logged: pytest.LogCaptureFixture
) -> None:
    stack.engines[1].root = "org/other"
    await until(lambda: "another than before" in logged.text)
    await until(lambda: (facts := stack.clients[1].facts) is not None and facts.roots == {"org/other"})


async def test_an_engine_that_does_not_say_what_it_is_is_asked_no_longer(stack: Stack) -> None:
    stack.engines[1].compresses = "always"
    await until(lambda: stack.clients[1].unavailable_because == "its engine does not answer")
    stack.engines[1].compresses = "never"
    await until(lambda: stack.clients[1].ready)


async def test_a_router_is_asked_on_while_it_looks_for_an_engine_that_died(
    stack: Stack, logged: pytest.LogCaptureFixture
) -> None:
    engine, client = stack.engines[1], stack.clients[1]
    engine.metrics_status = 502
    looked = len(engine.accepted)
    await until(lambda: len(engine.accepted) > looked + 9)
    assert client.ready
    engine.metrics_status = 200
    looked = len(engine.accepted)
    await until(lambda: len(engine.accepted) > looked + 36)
    assert client.ready
    assert not logged.record_tuples
    engine.metrics_status = 502
    await until(lambda: client.unavailable_because == "its engine does not answer")


async def test_an_engine_with_other_adapters_is_still_the_same(
    stack: Stack, logged: pytest.LogCaptureFixture
) -> None:
    stack.engines[1].adapters["by-hand"] = "/lora"
    looked = len(stack.engines[1].accepted)
    await until(lambda: len(stack.engines[1].accepted) > looked + 9)
    assert stack.clients[1].ready
    assert "another than before" not in logged.text


async def test_an_engine_that_answers_no_request_is_left_alone_for_a_while(stack: Stack) -> None:
    stack.engines[0].aborts = True
    begun = time.monotonic()
    answers = [await stack.client.post(PATH, json=chat(f"{number}")) for number in range(60)]
    # One request tries it when it has been left alone for five seconds, which a busy machine may need for all of them.
    tries = int((time.monotonic() - begun) / 5)
    statuses = Counter(answer.status_code for answer in answers)
    assert statuses.keys() == {200, 502}
    assert 5 <= statuses[502] <= 5 + tries
    first = stack.clients[0]
    assert first.ready
    assert await stack.metric(f'lethe_engine_failures_total{{engine="{first.label}"') == statuses[502]


async def test_the_engines_own_metrics_are_told_apart(stack: Stack) -> None:
    page = (await stack.client.get("/metrics/engine")).text
    for engine in stack.clients:
        assert f'vllm:num_requests_running{{engine="{engine.label}"}} 0.0' in page
