"""The console in a browser, as a person uses it: by mouse, by keyboard, light and dark."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, async_playwright, expect

from lethe.bundle import keep_version, update_bundle
from lethe.classifier.feedback import FeedbackFile, FeedbackState
from lethe.server.access.key_file import create_key, read_keys
from tests.programs import program
from tests.server.answers import chat_stream
from tests.server.stack import Stack, write_target

pytestmark = [pytest.mark.slow, pytest.mark.anyio, pytest.mark.settings(console={"bare_answers": True})]

PIECE = 'data: {{"choices":[{{"delta":{{"content":"{}"}}}}]}}\n\n'
DONE = b"data: [DONE]\n\n"
HARRY = ["who", "is", "harry", "potter"]
SECTIONS = ("playground", "targets", "clients", "live", "data")


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """One loop for all tests here, so that they can share a browser."""
    return "asyncio"


@pytest.fixture(scope="module")
async def browser(anyio_backend: str) -> AsyncIterator[Browser]:
    chromium = program("chromium", of="Debian's package of that name")
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield launched
        await launched.close()


@pytest.fixture
async def page(browser: Browser, admin: httpx.AsyncClient, stack: Stack) -> AsyncIterator[Page]:
    """The page, before a key was entered; a fault in its scripts, or of its policy, fails the test."""
    stack.engine.pieces = [PIECE.format(word).encode() for word in ("Ron", " ", "Weasley")] + [DONE]
    faults: list[str] = []
    opened = await browser.new_page(base_url=str(admin.base_url), viewport={"width": 1200, "height": 900})
    opened.set_default_timeout(20_000)
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on("console", lambda line: faults.append(line.text) if "Content Security" in line.text else None)
    await opened.goto("/console")
    yield opened
    await opened.close()
    assert not faults


async def enter(page: Page, secrets: dict[str, str]) -> None:
    await page.get_by_label("A key of scope").fill(secrets["admin"])
    await page.keyboard.press("Enter")
    await expect(page.locator("#playground")).to_be_visible()


async def test_only_an_administrators_key_opens_it_and_only_in_this_tab(
    page: Page, secrets: dict[str, str]
) -> None:
    await page.get_by_label("A key of scope").fill("something else")
    await page.get_by_role("button", name="Open").click()
    await expect(page.get_by_role("alert").first).to_have_text(
        "The proxy has no such key, or it is no longer valid."
    )
    await page.get_by_label("A key of scope").fill(secrets["use"])
    await page.get_by_role("button", name="Open").click()
    await expect(page.get_by_role("alert").first).to_contain_text("does not have the scope admin")
    await enter(page, secrets)
    await page.reload()
    await expect(page.locator("#playground")).to_be_visible()
    await page.get_by_role("button", name="Forget the key").click()
    await expect(page.locator("#door")).to_be_visible()
    assert secrets["admin"] not in await page.evaluate(
        "JSON.stringify([localStorage, sessionStorage, document.cookie])"
    )


async def test_a_prompt_is_asked_of_both_by_keyboard_alone(
    page: Page, secrets: dict[str, str], stack: Stack
) -> None:
    await page.keyboard.press("Tab")
    await expect(page.get_by_text("Skip to the content")).to_be_focused()
    await enter(page, secrets)
    await page.get_by_role("textbox", name="Prompt").fill("Who is Harry Potter's friend? <b>")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator("#bare-answer")).to_have_text("Ron Weasley")
    await expect(page.locator("#guarded-answer")).to_have_text("Ron Weasley")
    await expect(page.locator("#outcome")).to_have_text("corrupt")
    await expect(page.locator("#words")).to_have_text("Who is Harry Potter's friend? <b>")
    await expect(page.get_by_role("img", name="books: probability 1.000 of 0.500")).to_be_visible()
    bare = [sent for _, sent in stack.engine.requests if "vllm_xargs" not in sent]
    assert [len(bare), len(stack.engine.requests)] == [1, 2]


async def test_where_an_answer_was_caught_is_shown(
    page: Page, secrets: dict[str, str], targets: Path, stack: Stack
) -> None:
    write_target(targets, "books", answers=True)
    await stack.guard.load()
    stack.engine.pieces = chat_stream("It is told in the books.")
    await enter(page, secrets)
    await page.get_by_role("textbox", name="Prompt").fill("Where is it told?")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator("#caught")).to_have_text(
        "2 looks at the answer: after 24 characters it told of books (1.000); made anew, 6 tokens discarded."
    )
    await expect(page.locator("#bare-answer mark")).to_have_text("It is told in the books.")


@pytest.mark.parametrize("by", ["key", "button"])
async def test_an_answer_in_flight_is_stopped_and_in_the_engine(
    page: Page, secrets: dict[str, str], stack: Stack, by: str
) -> None:
    stack.engine.holds = True
    await enter(page, secrets)
    await page.get_by_role("textbox", name="Prompt").press("Control+Enter")
    await expect(page.locator("#bare-answer")).to_have_text("Ron")
    if by == "key":
        await page.keyboard.press("Escape")
    else:
        await page.get_by_role("button", name="Stop").click()
    await expect(page.locator("#ask-status")).to_have_text("Stopped")
    await stack.engine.cancelled.wait()


async def test_the_tokens_that_the_engine_corrupts_are_marked_for_each_target(
    tokenizer: None, page: Page, secrets: dict[str, str]
) -> None:
    await enter(page, secrets)
    await page.get_by_role("textbox", name="Prompt").fill("who is harry potter")
    await page.get_by_role("button", name="Ask").click()
    marked = page.locator("#tokens .corrupted")
    await expect(page.locator("#tokens span")).to_have_text(["<user>", *HARRY, "<assistant>"])
    await expect(marked).to_have_text(["<user>", *HARRY])
    await expect(page.locator("#tokens-note")).to_contain_text("5 of 6 tokens")
    await expect(marked.first).to_have_css("text-decoration-line", "line-through")
    await page.get_by_label("Show the words of").select_option("books")
    await expect(marked).to_have_text(HARRY)
    await expect(page.locator("#tokens-note")).to_contain_text("4 of 6 tokens")


async def test_spans_and_tokens_are_marked_by_characters_not_code_units(page: Page) -> None:
    words, tokens, wash = await page.evaluate(
        """async () => {
            const { markedText, markedTokens } = await import("/console/marks.js");
            const words = markedText("𝒂 Potter", [{start: 2, end: 8, weight: 2, kind: "evidence"}]);
            document.body.append(...words);
            const wash = getComputedStyle(document.querySelector("body > mark")).backgroundColor;
            const tokens = markedTokens("𝒂 Potter", [[0, 1], [0, 1], [1, 8]], [[2, 3]]);
            return [words.map((each) => each.textContent ?? each), tokens.map((each) => [each.textContent, each.className]), wash];
        }"""
    )
    assert words == ["𝒂 ", "Potter"]
    assert tokens == [["𝒂", ""], ["", ""], [" Potter", "corrupted"]]
    assert wash not in ("rgba(0, 0, 0, 0)", "transparent")


async def test_what_goes_on_is_shown_in_figures(page: Page, secrets: dict[str, str], stack: Stack) -> None:
    stack.engine.metrics_page = "vllm:num_requests_running 2.0\nvllm:kv_cache_usage_perc 0.25\n"
    await enter(page, secrets)
    await page.get_by_role("link", name="Live").click()
    await expect(page.locator("#by-target")).to_have_text("Nothing was flagged since the proxy started.")
    await expect(page.locator("#engine")).to_have_text("StatereadyRunning2KV cache, fullest25 %")
    for prompt in ("Harry Potter?", "hello"):
        await stack.client.post("/console/api/guarded", json={"prompt": prompt})
    for target in ("books", "films"):
        row = page.locator("#by-target tr").filter(has_text=target)
        await expect(row.locator("td").nth(1)).to_have_text("50 %")
        await expect(row.locator("td").nth(2)).to_have_text("1")
    figures = await page.locator("#tiles .value").all_text_contents()
    requests, flagged = map(float, figures[:2])
    assert requests == pytest.approx(2 * flagged, abs=0.02)
    assert flagged > 0
    assert all(" ms" in duration for duration in figures[3:])


async def test_the_counts_of_a_proxy_before_its_restart_are_not_taken_off_those_after(page: Page) -> None:
    rate, median, later = await page.evaluate(
        """async () => {
            const { Rates } = await import("/console/rates.js");
            const counters = (time, started, requests, quick) =>
                ({ time, started, requests, seconds: { request: { "1": quick, "2": requests, "+Inf": requests } } });
            const rates = new Rates();
            const rate = () => rates.rate((each) => each.requests);
            rates.add(counters(10, 0, 100, 100));
            rates.add(counters(12, 11, 4, 0));
            const first = [rate(), rates.quantile("request", 0.5)];
            rates.add(counters(14, 11, 10, 0));
            return [...first, rate()];
        }"""
    )
    assert (rate, median, later) == (0, 1.5, 3)


async def test_a_target_is_shadowed_and_its_card_read(
    page: Page, secrets: dict[str, str], stack: Stack
) -> None:
    await enter(page, secrets)
    await page.get_by_role("link", name="Targets").click()
    await page.get_by_role("group", name="How books is in force").get_by_role("button", name="Shadow").click()
    await expect(page.locator("#targets-note")).to_have_text("books: shadow.")
    assert stack.guard.targets["books"].action == "observe"
    await page.get_by_role("button", name="Model card").first.click()
    figure = page.get_by_role("img", name="plot")
    await expect(figure).to_be_visible()
    assert await figure.evaluate("image => image.decode().then(() => image.naturalWidth)") == 1
    await expect(page.locator("#target-card")).to_be_focused()


async def test_a_target_is_disabled_and_enabled(page: Page, secrets: dict[str, str], stack: Stack) -> None:
    await enter(page, secrets)
    await page.get_by_role("link", name="Targets").click()
    switches = page.get_by_role("group", name="How books is in force")
    for word, state, in_force in (
        ("Disable", "disabled", ["films"]),
        ("Enable", "enabled", ["books", "films"]),
    ):
        await switches.get_by_role("button", name=word).click()
        await expect(page.locator("#targets-note")).to_have_text(f"books: {state}.")
        await expect(switches.get_by_role("button", pressed=True)).to_have_text(word)
        await expect(switches.get_by_role("button", name=word)).to_be_focused()
        assert [target.name for target in stack.guard.targets] == in_force


async def test_a_bundle_that_was_put_in_is_in_force_after_a_reload(
    page: Page, secrets: dict[str, str], stack: Stack, targets: Path
) -> None:
    await enter(page, secrets)
    await page.get_by_role("link", name="Targets").click()
    await expect(page.locator("#target-list h2")).to_have_text(["books", "films"])
    write_target(targets, "plays")
    await page.get_by_role("button", name="Reload bundles and keys").click()
    await expect(page.locator("#targets-note")).to_have_text("Reloaded.")
    await expect(page.locator("#target-list h2")).to_have_text(["books", "films", "plays"])
    assert "plays" in [target.name for target in stack.guard.targets]


async def test_a_damaged_target_says_so_and_is_put_aside(
    page: Page, secrets: dict[str, str], stack: Stack, damaged: None
) -> None:
    await enter(page, secrets)
    await page.get_by_role("link", name="Targets").click()
    row = page.locator("#target-list article").filter(has_text="damaged")
    await expect(row).to_contain_text("bundle films")
    await expect(row).to_contain_text(f"version {stack.guard.targets['films'].version} is in force")
    assert not (await Axe().run(page)).response["violations"]
    await row.get_by_role("button", name="Disable").click()
    await expect(page.locator("#targets-note")).to_have_text("films: disabled.")
    assert [target.name for target in stack.guard.targets] == ["books"]


@pytest.fixture
def feedback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FeedbackFile:
    """What is said of the target ``books``; kept if this is asked for before the page."""
    monkeypatch.setenv("LETHE_FEEDBACK__FOLDER", str(tmp_path / "feedback"))
    return FeedbackFile(tmp_path / "feedback", "books")


async def test_a_verdict_is_said_to_be_wrong_and_another_administrator_approves_it(
    feedback: FeedbackFile, keys: Path, page: Page, secrets: dict[str, str], stack: Stack
) -> None:
    second = create_key(keys, scopes={"admin"})
    stack.access.load()
    await enter(page, {"admin": second[1]})
    await page.get_by_role("textbox", name="Prompt").fill("Who sells potter's clay?")
    await page.get_by_role("textbox", name="Prompt").press("Control+Enter")
    said = page.get_by_role("group", name="What this is for books")
    await said.get_by_role("button", name="not about it").click()
    await expect(page.locator("#feedback-status")).to_contain_text("once another administrator approves it")
    await page.get_by_role("button", name="Forget the key").click()
    await enter(page, secrets)
    await page.get_by_role("link", name="Targets").click()
    await page.locator("#books-feedback").click()
    await expect(page.locator("#target-history")).to_be_focused()
    await expect(page.locator("#history")).to_contain_text("Who sells potter's clay?")
    assert not (await Axe().run(page)).response["violations"]
    await page.get_by_role("button", name="Approve: Who sells").click()
    await expect(page.locator("#history-note")).to_have_text("Approved.")
    await expect(page.locator("#history-command")).to_contain_text("lethe classifier train --target books")
    [entry] = feedback.read()
    assert (entry.by, entry.state) == (second[0].id, FeedbackState.COUNTS)


async def test_an_earlier_version_is_put_back(
    page: Page, secrets: dict[str, str], stack: Stack, targets: Path
) -> None:
    first = stack.guard.targets["books"].version
    keep_version(targets / "books")
    update_bundle(targets / "books", {}, description="Another shelf.")
    await stack.guard.load()
    await enter(page, secrets)
    await page.get_by_role("link", name="Targets").click()
    await page.locator("#books-versions").click()
    await page.get_by_role("button", name=f"Roll back to {first}").click()
    await expect(page.locator("#history-note")).to_have_text(f"books is version {first} again.")
    await expect(page.locator("#target-list article").first).to_contain_text(f"version {first}")
    assert stack.guard.targets["books"].version == first
    assert not (await Axe().run(page)).response["violations"]


@pytest.fixture
def target_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of targets' data, which the proxy is told of if this is asked for before it."""
    monkeypatch.setenv("LETHE_CONSOLE__TARGET_DATA", str(tmp_path / "target-data"))
    return tmp_path / "target-data"


async def test_a_target_is_made_its_data_written_and_a_build_watched(
    target_data: Path, page: Page, secrets: dict[str, str], targets: Path
) -> None:
    await enter(page, secrets)
    await page.get_by_role("link", name="New target").click()
    await page.get_by_label("Name of a new target").fill("Moon")
    await page.get_by_role("button", name="Make it").click()
    await expect(page.locator("#making-fault")).to_contain_text("moon would do")
    await page.get_by_label("Name of a new target").fill("moon")
    await page.get_by_role("button", name="Make it").click()
    await page.get_by_label("File", exact=True).select_option("forget.txt")
    await page.get_by_label("What it holds").fill("Who walked on the Moon first?\n# no prompt\nAnd when?")
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator("#making-note")).to_have_text("forget.txt of moon is saved.")
    await expect(page.get_by_text("2 to forget · 0 near")).to_be_visible()
    for file, text in (("names.txt", "Moon"), ("facts.txt", "Armstrong")):
        await page.locator("#making-file").select_option(file)
        await page.get_by_label("What it holds").fill(text)
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator("#making-note")).to_have_text("names.txt, facts.txt of moon are saved.")
    assert (target_data / "moon" / "names.txt").read_text() == "Moon"
    await page.locator("#making-file").select_option("near.txt")
    await page.get_by_label("What it holds").fill("How far is Mars?")
    await page.get_by_role("button", name="Build moon").click()
    await expect(page.get_by_text("2 to forget · 1 near")).to_be_visible()
    await expect(page.locator("#making-lines")).to_contain_text(
        "2 prompts; 10 are the least", timeout=300_000
    )
    await expect(page.locator("#making-lines")).to_contain_text("ended with status 1", timeout=60_000)
    assert not (await Axe().run(page)).response["violations"]

    (target_data / ".bundles").mkdir()
    write_target(target_data / ".bundles", "moon")
    await page.reload()
    await page.get_by_role("button", name="Shadow moon").click()
    await expect(page.locator("#making-note")).to_contain_text("moon observes")
    await page.get_by_role("link", name="Targets", exact=True).click()
    await expect(page.get_by_role("button", name="Shadow").nth(2)).to_have_attribute("aria-pressed", "true")
    assert (targets / "moon" / "target.json").is_file()


async def test_what_each_target_would_have_done_is_shown_by_day(
    page: Page, secrets: dict[str, str], stack: Stack
) -> None:
    await enter(page, secrets)
    for prompt in ("books", "hello"):
        await stack.client.post("/console/api/guarded", json={"prompt": prompt})
    await stack.audited(2)
    await page.get_by_role("link", name="Targets").click()
    row = page.locator("#days tbody tr").filter(has_text="books")
    await expect(row.locator("td").nth(4)).to_have_text("50 %")
    await expect(row.locator("td").nth(5)).to_have_text("corrupt 1")


async def test_the_theme_changes_and_is_remembered(page: Page) -> None:
    body = page.locator("body")
    light, dark = "rgb(246, 247, 248)", "rgb(20, 24, 27)"
    await page.emulate_media(color_scheme="light")
    await expect(body).to_have_css("background-color", light)
    await page.get_by_role("button", name="Theme").click()
    await expect(body).to_have_css("background-color", dark)
    await page.reload()
    await expect(body).to_have_css("background-color", dark)
    await page.get_by_role("button", name="Theme").click()
    await expect(body).to_have_css("background-color", light)


async def test_own_prompts_are_split_and_what_was_judged_wrongly_is_shown(
    page: Page, secrets: dict[str, str]
) -> None:
    await enter(page, secrets)
    await page.get_by_role("link", name="Your data").click()
    await page.locator("#forget").fill('{"question": "Who is Potter?"}\n{"text": "Who has the scar?"}')
    await page.locator("#retain-file").set_input_files(
        {
            "name": "keep.txt",
            "mimeType": "text/plain",
            "buffer": b"hello\n\nWho sells pots?\nHow is potter's clay made?",
        }
    )
    await page.get_by_role("button", name="Judge").click()
    await expect(page.locator("#trial-outcome")).to_contain_text("1 of 2 (50 %)")
    await expect(page.locator("#trial-outcome")).to_contain_text("1 of 3 (33 %)")
    await expect(page.locator("#trial-wrong tbody tr")).to_have_count(2)
    await page.locator("#forget").fill('{"answer": "x"}')
    await page.get_by_role("button", name="Judge").click()
    await expect(page.locator("#trial-fault")).to_contain_text("Entry 1 has none of text, prompt")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_nothing_keeps_anybody_out(
    page: Page, secrets: dict[str, str], stack: Stack, scheme: str
) -> None:
    await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    assert not (await Axe().run(page)).response["violations"]
    await enter(page, secrets)
    await page.get_by_role("textbox", name="Prompt").press("Control+Enter")
    await expect(page.locator("#judgement")).to_be_visible()
    await stack.audited(2)
    for section in SECTIONS:
        await page.goto(f"/console#{section}")
        await expect(page.locator(f"#{section} h1")).to_be_visible()
        if section == "live":
            await expect(page.locator("#decisions tbody tr")).not_to_have_count(0)
        if section == "targets":
            await page.get_by_role("button", name="Model card").first.click()
            await expect(page.locator("#target-card")).to_be_visible()
        if section == "clients":
            await page.get_by_role("button", name="Change").first.click()
            await expect(page.locator("#client-edit")).to_be_visible()
        found = await Axe().run(page)
        assert not found.response["violations"], f"{section}: {found.generate_report()}"


async def test_a_team_is_made_and_a_key_is_put_into_it(
    page: Page, secrets: dict[str, str], keys: Path, stack: Stack
) -> None:
    await enter(page, secrets)
    await page.get_by_role("link", name="Keys").click()
    await page.get_by_label("Name of a new team").fill("research")
    await page.get_by_role("button", name="Make it").click()
    await expect(page.locator("#client-title")).to_have_text("Team research")
    await page.get_by_label("What is flagged for books").select_option("refuse")
    await page.get_by_label("Flagged for films from").fill("0.9")
    await page.get_by_label("Requests a minute").fill("60")
    await page.get_by_role("button", name="Hold it to this").click()
    await expect(page.locator("#team-list")).to_contain_text("books refuse, films from 0.9")
    [use] = [key for key in read_keys(keys) if key.name == "use"]
    await page.get_by_role("button", name=f"Change {use.id}").click()
    await page.locator("#client-team").select_option("research")
    await page.get_by_label("What is flagged for films").select_option("exempt")
    await page.get_by_role("button", name="Hold it to this").click()
    await expect(page.locator("#key-list")).to_contain_text("films exempt")
    [use] = [key for key in read_keys(keys) if key.name == "use"]
    assert use.team is not None
    assert (use.team.requests_per_minute, use.how("books").action, use.exempt) == (60, "refuse", {"films"})
    await page.get_by_role("button", name="Change research").click()
    await page.get_by_role("button", name="Remove the team").click()
    await expect(page.get_by_role("alert")).to_contain_text("put them into another")
