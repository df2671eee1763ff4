"""`lethe serve` as a user runs it: the real vLLM, the real small model, the shipped targets."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from openai import OpenAI

from lethe.server.engines.process import free_loopback_port
from tests.end_to_end.running_proxy import ALLOWED, FORBIDDEN, ROOT, RunningProxy, ask, lethe, metric

pytestmark = pytest.mark.engine

# For what is to be forgotten to come up.
LONG = 48
FACTS = json.loads((ROOT / "offline" / "recipes" / "harry_potter" / "facts.json").read_text())


def facts_in(text: str, question: str) -> set[str]:
    """Facts of the books in an answer, but for those that the question itself names."""
    return {fact for fact in FACTS if fact.lower() in text.lower() and fact.lower() not in question.lower()}


def test_what_is_to_be_forgotten_is_not_told(guarded: OpenAI, bare: OpenAI) -> None:
    known = ask(bare, FORBIDDEN, max_tokens=LONG).choices[0].message.content
    told = ask(guarded, FORBIDDEN, max_tokens=LONG).choices[0].message.content
    assert facts_in(known, FORBIDDEN), "the bare model must know something for this to show anything"
    assert not facts_in(told, FORBIDDEN)


def test_a_flagged_question_stays_hidden_and_does_not_spoil_the_next_one(guarded: OpenAI) -> None:
    told = ask(guarded, FORBIDDEN, max_tokens=LONG).choices[0].message.content
    for question, known in (("What is the capital of France?", True), ("Answer my first question.", False)):
        messages = [
            {"role": "user", "content": FORBIDDEN},
            {"role": "assistant", "content": told},
            {"role": "user", "content": question},
        ]
        answer = ask(guarded, question, messages=messages, max_tokens=LONG)
        next_told = answer.choices[0].message.content
        assert ("Paris" in next_told) is known
        assert not facts_in(next_told, FORBIDDEN)


def test_everything_else_is_token_for_token_what_the_bare_engine_says(guarded: OpenAI, bare: OpenAI) -> None:
    fields = {"logprobs": True, "top_logprobs": 2}
    through, direct = ask(guarded, ALLOWED, **fields), ask(bare, ALLOWED, **fields)
    assert through.choices == direct.choices
    assert through.usage == direct.usage


def test_a_stream_says_what_the_whole_answer_says(guarded: OpenAI) -> None:
    for question in (ALLOWED, FORBIDDEN):
        stream = ask(guarded, question, stream=True, max_tokens=24)
        pieces = [chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices]
        assert len(pieces) > 10
        assert "".join(pieces) == ask(guarded, question, max_tokens=24).choices[0].message.content


def test_plain_completions_and_token_ids_are_guarded_alike(proxy: RunningProxy, guarded: OpenAI) -> None:
    model = guarded.models.list().data[0].id
    key = {"Authorization": f"Bearer {proxy.engine.api_key}"}
    tokens = httpx.post(f"{proxy.engine.url}/tokenize", json={"prompt": FORBIDDEN}, headers=key).json()[
        "tokens"
    ]
    answers = {
        guarded.completions.create(model=model, prompt=prompt, temperature=0, max_tokens=24).choices[0].text
        for prompt in (FORBIDDEN, tokens)
    }
    assert len(answers) == 1
    assert not facts_in(answers.pop(), FORBIDDEN)
    assert metric(proxy, "/metrics", 'lethe_requests_total{action="corrupt",endpoint="/v1/completions"') >= 2


def test_the_plugin_counts_what_it_corrupts(proxy: RunningProxy, guarded: OpenAI) -> None:
    before = metric(proxy, "/metrics/engine", "lethe_plugin_corrupted_requests_total")
    ask(guarded, FORBIDDEN)
    ask(guarded, ALLOWED)
    assert metric(proxy, "/metrics/engine", "lethe_plugin_corrupted_requests_total") == before + 1


def test_a_client_that_leaves_frees_the_engine(proxy: RunningProxy, guarded: OpenAI) -> None:
    stream = ask(guarded, ALLOWED, stream=True, max_tokens=4000, extra_body={"ignore_eos": True})
    next(iter(stream))
    assert metric(proxy, "/metrics/engine", "vllm:num_requests_running") == 1
    stream.close()
    deadline = time.monotonic() + 20
    while metric(proxy, "/metrics/engine", "vllm:num_requests_running"):
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_the_demo_shows_both_answers(proxy: RunningProxy, lethe_cache: Path) -> None:
    command = [sys.executable, "-m", "lethe", "demo", "--url", proxy.url, "--max-tokens", "16"]
    environment = os.environ | {"LETHE_CACHE_DIR": str(lethe_cache), "COLUMNS": "200"}
    shown = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, env=environment, timeout=300, check=True
    )
    assert "corrupt" in shown.stdout
    assert "the same" in shown.stdout


def test_a_reload_that_fails_is_said_and_changes_nothing(
    proxy: RunningProxy, targets: Path, guarded: OpenAI
) -> None:
    corruption = next((targets / "harry-potter").rglob("corruption.safetensors"))
    content, seen = corruption.read_bytes(), len(proxy.lines)
    corruption.write_bytes(content[:-1])
    try:
        proxy.process.send_signal(signal.SIGHUP)
        proxy.wait_for_line("reload failed", after=seen)
        told = ask(guarded, FORBIDDEN, max_tokens=LONG).choices[0].message.content
        assert not facts_in(told, FORBIDDEN)
    finally:
        corruption.write_bytes(content)
    proxy.process.send_signal(signal.SIGHUP)
    proxy.wait_for_line("reloaded: harry-potter", after=seen)


def test_a_stopped_proxy_ends_what_is_in_flight_and_takes_the_engine_with_it(
    proxy: RunningProxy, guarded: OpenAI
) -> None:
    stream = ask(guarded, ALLOWED, stream=True, max_tokens=64, extra_body={"ignore_eos": True})
    chunks = [next(iter(stream))]
    proxy.process.send_signal(signal.SIGTERM)
    chunks += list(stream)
    assert chunks[-1].choices[0].finish_reason == "length"
    assert proxy.process.wait(60) == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{proxy.engine.url}/health")


def test_an_engine_that_cannot_load_its_model_is_told_in_one_line(
    tmp_path: Path, small_model: Path, engine_python: Path
) -> None:
    broken = tmp_path / "broken"
    subprocess.run(["cp", "-rs", str(small_model), str(broken)], check=True)
    config = json.loads((small_model / "config.json").read_text()) | {"num_hidden_layers": 31}
    (broken / "config.json").unlink()
    (broken / "config.json").write_text(json.dumps(config))
    port = free_loopback_port()
    command = [*lethe(engine_python), "serve", "--port", str(port), "--model", str(broken)]
    failed = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=300)
    assert failed.returncode == 1
    [line] = failed.stderr.splitlines()
    assert "the engine died while starting: " in line
