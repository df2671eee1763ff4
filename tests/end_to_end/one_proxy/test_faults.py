"""The real engine killed, stopped and overrun: nothing is answered unguarded, and nothing is lost without an error."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest
from openai import APIError, OpenAI

from tests.end_to_end.running_proxy import ALLOWED, FORBIDDEN, RunningProxy, ask, metric

pytestmark = pytest.mark.engine


def engine_processes(proxy: RunningProxy) -> list[int]:
    """The server that the proxy started, and all that it started in turn."""
    found: list[int] = []
    parents = [proxy.process.pid]
    while parents:
        listed = subprocess.run(["pgrep", "-P", str(parents.pop())], capture_output=True, text=True)
        children = [int(pid) for pid in listed.stdout.split()]
        found += children
        parents += children
    return found


@contextmanager
def stopped(proxy: RunningProxy) -> Iterator[None]:
    """The engine hangs as long as the block runs."""
    pids = engine_processes(proxy)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def test_an_engine_that_hangs_for_a_while_loses_nothing(proxy: RunningProxy, guarded: OpenAI) -> None:
    before = ask(guarded, FORBIDDEN).choices[0].message.content
    with ThreadPoolExecutor() as pool:
        with stopped(proxy):
            asked = [pool.submit(ask, guarded, FORBIDDEN) for _ in range(3)]
            time.sleep(3)
            assert not any(each.done() for each in asked)
            assert httpx.get(f"{proxy.url}/health").status_code == 200
        assert all(each.result().choices[0].finish_reason for each in asked)
    assert ask(guarded, FORBIDDEN).choices[0].message.content == before


def test_a_client_that_gives_up_on_a_hanging_engine_is_not_served_later(
    proxy: RunningProxy, guarded: OpenAI
) -> None:
    with stopped(proxy), pytest.raises(APIError):
        ask(guarded, ALLOWED, max_tokens=4000, timeout=1, extra_body={"ignore_eos": True})
    deadline = time.monotonic() + 20
    while metric(proxy, "/metrics/engine", "vllm:num_requests_running"):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert metric(proxy, "/metrics", "lethe_requests_in_flight") == 0


def test_many_more_requests_than_the_engine_takes_at_once_are_all_answered(
    proxy: RunningProxy, guarded: OpenAI
) -> None:
    corrupted = metric(proxy, "/metrics/engine", "lethe_plugin_corrupted_requests_total")
    questions = [FORBIDDEN, ALLOWED] * 48
    with ThreadPoolExecutor(len(questions)) as pool:
        answers = list(pool.map(lambda question: ask(guarded, question, max_tokens=4), questions))
    assert all(answer.choices[0].finish_reason for answer in answers)
    assert metric(proxy, "/metrics/engine", "lethe_plugin_corrupted_requests_total") == corrupted + 48


def test_an_engine_killed_in_the_middle_of_a_stream_ends_it_with_an_error_and_comes_back(
    proxy: RunningProxy, guarded: OpenAI
) -> None:
    before = ask(guarded, FORBIDDEN).choices[0].message.content
    restarts, seen = metric(proxy, "/metrics", "lethe_engine_restarts_total"), len(proxy.lines)
    stream = ask(guarded, ALLOWED, stream=True, max_tokens=4000, extra_body={"ignore_eos": True})
    next(iter(stream))
    for pid in engine_processes(proxy):
        os.kill(pid, signal.SIGKILL)
    with pytest.raises(APIError, match="broke off"):
        list(stream)
    body = {"messages": [{"role": "user", "content": FORBIDDEN}], "temperature": 0, "max_tokens": 12}
    deadline = time.monotonic() + 240
    answers: list[httpx.Response] = []
    while not answers or answers[-1].status_code != 200:
        assert time.monotonic() < deadline
        answers.append(httpx.post(f"{proxy.url}/v1/chat/completions", json=body, timeout=60))
        time.sleep(0.2)
    proxy.wait_for_line("engine: answering", after=seen)
    assert httpx.get(f"{proxy.url}/ready").status_code == 200
    refused = [answer for answer in answers if answer.status_code == 503]
    assert refused
    assert all(int(answer.headers["retry-after"]) > 0 for answer in refused)
    assert {answer.status_code for answer in answers} <= {200, 502, 503}
    assert answers[-1].json()["choices"][0]["message"]["content"] == before
    assert metric(proxy, "/metrics", "lethe_engine_restarts_total") == restarts + 1
