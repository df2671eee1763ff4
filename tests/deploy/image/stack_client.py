"""What the compose stack must do, asked from outside or, for what is not published, from within the proxy's container."""

import json
import os
import sys
import time
import urllib.error
import urllib.request
from typing import Any

PROXY = "http://127.0.0.1:8000"
FLAGGED = "Who is Harry Potter's best friend?"
# Of the small model's answers, one whose words do not hang on how a processor rounds.
CLEAN, ANSWER = "Who wrote Romeo and Juliet?", "Shakespeare"
# As long as a stop has something to wait for.
LONG = 300
SCRAPED_WITHIN_S = 120


def ask(url: str, body: dict[str, Any] | None = None, key: str | None = None) -> tuple[int, Any, str]:
    """Status, headers and text of the answer to a GET, or to a POST of `body`."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=600) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()


def expect(what: str, holds: object, found: object = "") -> None:
    """Print what holds; end with what does not."""
    if not holds:
        sys.exit(f"NOT SO: {what} {found}")
    print(f"  {what}", flush=True)


def completion(question: str, **fields: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": question}]
    return {"messages": messages, "temperature": 0, "max_tokens": 24, **fields}


def answers(key: str) -> None:
    path = f"{PROXY}/v1/chat/completions"
    status, _, _ = ask(path, completion(CLEAN))
    expect("who has no key is not served", status == 401, status)
    status, headers, text = ask(path, completion(CLEAN), key)
    expect("a clean prompt passes", (status, headers["x-lethe-verdict"]) == (200, "pass"), text)
    said = json.loads(text)["choices"][0]["message"]["content"]
    expect(f"and is answered: {said!r}", ANSWER in said)
    status, headers, text = ask(path, completion(FLAGGED), key)
    verdict = headers["x-lethe-verdict"]
    expect("a flagged prompt is corrupted", (status, verdict) == (200, "corrupt harry-potter"), text)
    said = json.loads(text)["choices"][0]["message"]["content"]
    expect(f"and the answer tells nothing: {said!r}", not {"Ron", "Hermione"} & set(said.split()))
    status, _, _ = ask(f"{PROXY}/admin/targets", key=key)
    expect("a client does not administer", status == 403, status)


def inside(key: str) -> None:
    status, _, _ = ask("http://engine:8000/v1/models")
    expect("the engine asks for its key", status == 401, status)
    deadline = time.monotonic() + SCRAPED_WITHIN_S
    up: dict[str, str] = {}
    while set(up.values()) != {"up"} and time.monotonic() < deadline:
        time.sleep(2)
        targets = json.loads(ask("http://prometheus:9090/api/v1/targets")[2])["data"]["activeTargets"]
        up = {each["labels"]["job"]: each["health"] for each in targets}
    expect("Prometheus has proxy and engine", up == {"lethe-proxy": "up", "lethe-engine": "up"}, up)


def stream(key: str) -> None:
    body = completion(CLEAN, max_tokens=LONG, ignore_eos=True, stream=True)
    body["stream_options"] = {"include_usage": True}
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
    request = urllib.request.Request(f"{PROXY}/v1/chat/completions", json.dumps(body).encode(), headers)
    lines: list[str] = []
    with urllib.request.urlopen(request, timeout=600) as answer:
        for line in answer:
            if line.startswith(b"data: "):
                lines.append(line.decode().strip())
            if len(lines) == 3 and line.strip():
                print("  a stream has begun", flush=True)
    expect("it ended as streams end", lines[-1] == "data: [DONE]", lines[-1])
    tokens = json.loads(lines[-2].removeprefix("data: "))["usage"]["completion_tokens"]
    expect(f"with all its {LONG} tokens", tokens == LONG, tokens)


{"answers": answers, "inside": inside, "stream": stream}[sys.argv[1]](os.environ["CLIENT_KEY"])
