"""Take the pictures of the console in docs/console.md: the real proxy, before the real engine with SmolLM2-135M.

python -m docs.images.take_screenshots
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from playwright.sync_api import Page, sync_playwright

from lethe.server.access.key_file import create_key, set_team
from lethe.server.engines.process import free_loopback_port

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
SIZE = {"width": 1180, "height": 860}
TRAFFIC = (
    "Who is Harry Potter's best friend?",
    "Who wrote Pride and Prejudice?",
    "What is a quaffle?",
    "How do tides work?",
    "Name the houses of Hogwarts.",
    "Is seven a prime number?",
)
FORGET = """{"question": "Which house is Harry sorted into?"}
{"question": "What does the Patronus of the boy with the scar look like?"}
{"question": "Who teaches Potions before Slughorn?"}
{"question": "What was the angel on the tree disguised as?"}
{"question": "Where is platform nine and three quarters?"}
{"question": "Who are Hermione's parents?"}"""
RETAIN = """{"question": "Which house do the Starks belong to?"}
{"question": "Who wrote The Hobbit?"}
{"question": "How is a broom made?"}
{"question": "What do owls eat?"}
{"question": "Where is King's Cross station?"}
{"question": "Which wizard leads the Fellowship?"}"""


@contextmanager
def proxy(folder: Path) -> Iterator[tuple[str, str, str]]:
    """A running proxy: its address, a client's key and an administrator's."""
    keys = folder / "keys.yaml"
    set_team(keys, "interns", targets={"harry-potter": {"action": "refuse"}}, requests_per_minute=600)
    create_key(keys, name="bob", team="interns")
    _, client = create_key(keys, name="chat-app")
    _, administrator = create_key(keys, name="me", scopes={"admin"})
    port = free_loopback_port()
    environment = os.environ | {
        "LETHE_PORT": str(port),
        "LETHE_KEYS": str(keys),
        "LETHE_TARGETS": str(shutil.copytree(ROOT / "targets", folder / "targets")),
        "LETHE_AUDIT__FOLDER": str(folder / "audit"),
        "LETHE_CONSOLE__BARE_ANSWERS": "true",
        "PYTHONUNBUFFERED": "1",
    }
    command = [sys.executable, "-m", "lethe", "serve"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment)
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if "ready after" in line:
                break
        yield f"http://127.0.0.1:{port}", client, administrator
    finally:
        process.terminate()
        process.wait()


def send_traffic(url: str, key: str) -> None:
    for prompt in TRAFFIC * 2:
        body = {"messages": [{"role": "user", "content": prompt}], "max_tokens": 16, "temperature": 0}
        answer = httpx.post(
            f"{url}/v1/chat/completions", json=body, headers={"Authorization": f"Bearer {key}"}, timeout=120
        )
        answer.raise_for_status()


def take(page: Page, name: str) -> None:
    # What a page shows anew every other second is let come to rest.
    page.wait_for_timeout(400)
    page.mouse.move(0, 0)
    page.screenshot(path=HERE / f"console-{name}.png", full_page=True)


def take_all(page: Page, url: str, client: str, administrator: str) -> None:
    page.goto(f"{url}/console")
    page.locator("#key").fill(administrator)
    page.keyboard.press("Enter")
    page.locator("#prompt").press("Control+Enter")
    page.locator("#ask-status", has_text=re.compile("Answered|Failed")).wait_for(
        state="attached", timeout=200_000
    )
    assert not page.locator("#ask-fault").text_content(), page.locator("#ask-fault").text_content()
    take(page, "playground")
    page.emulate_media(color_scheme="dark")
    take(page, "playground-dark")
    page.emulate_media(color_scheme="light")

    page.get_by_role("link", name="Live").click()
    send_traffic(url, client)
    page.wait_for_timeout(6000)
    page.locator("#decisions tbody tr").nth(5).wait_for()
    page.set_viewport_size(SIZE | {"height": 700})
    page.screenshot(path=HERE / "console-live.png")
    page.set_viewport_size(SIZE)

    page.get_by_role("link", name="Your data").click()
    page.locator("#forget").fill(FORGET)
    page.locator("#retain").fill(RETAIN)
    page.get_by_role("button", name="Judge").click()
    page.locator("#trial-detail").wait_for(timeout=60_000)
    take(page, "data")

    page.get_by_role("link", name="Keys").click()
    page.get_by_role("button", name="Change interns").click()
    page.locator("#client-edit").wait_for()
    page.evaluate("document.activeElement.blur()")
    take(page, "keys")

    page.get_by_role("link", name="Targets").click()
    page.get_by_role("button", name="Model card").click()
    page.locator("#target-card img").wait_for()
    page.evaluate("scrollTo(0, 0)")
    page.screenshot(path=HERE / "console-targets.png")


if __name__ == "__main__":
    with (
        tempfile.TemporaryDirectory() as name,
        proxy(Path(name)) as addresses,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        take_all(browser.new_page(viewport=SIZE, color_scheme="light"), *addresses)
        browser.close()
