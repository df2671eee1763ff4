"""`lethe demo` shows what a guarded and a bare engine say to the same question."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lethe.cli.demo import proxy_address
from lethe.cli.main import app
from lethe.server.settings.settings import Settings
from tests.offline.language_models.json_server import JsonHandler, serving


def saying(text: str, key: str) -> type[JsonHandler]:
    """A server that says one thing, to who has a key."""

    class Handler(JsonHandler):
        def do_GET(self) -> None:
            self.answer({"data": [{"id": "org/model", "root": "org/model"}]})

        def do_POST(self) -> None:
            self.body()
            assert self.path == "/v1/chat/completions"
            if self.headers.get("Authorization") == f"Bearer {key}":
                self.answer({"choices": [{"message": {"content": text}}]})
            else:
                self.answer({"error": "who are you?"}, 401)

    return Handler


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The command before two servers, without targets of its own."""
    (tmp_path / "targets").mkdir()
    monkeypatch.setenv("LETHE_TARGETS", str(tmp_path / "targets"))
    monkeypatch.setenv("COLUMNS", "200")
    with serving(saying("guarded", "client")) as proxy, serving(saying("bare", "engine")) as engine:
        yield ["demo", "--url", proxy, "--engine-url", engine, "--engine-key", "engine", "--prompt", "hi"]


def lethe(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def test_a_proxy_that_asks_for_keys_is_given_the_clients(demo: list[str]) -> None:
    shown = lethe(*demo, "--key", "client")
    assert shown.exit_code == 0
    assert "guarded" in shown.output
    assert "bare" in shown.output


def test_a_prompt_is_shown_as_it_is_asked(demo: list[str]) -> None:
    demo[demo.index("--prompt") + 1] = "[/INST] hi"
    assert "[/INST] hi" in lethe(*demo, "--key", "client").output


def test_the_address_may_end_as_clients_want_it(demo: list[str]) -> None:
    proxy = demo.index("--url") + 1
    demo[proxy] += "/v1/"
    assert lethe(*demo, "--key", "client").exit_code == 0


def test_a_key_that_is_missing_is_told(demo: list[str]) -> None:
    refused = lethe(*demo)
    assert refused.exit_code == 1
    assert "answered 401" in refused.output
    assert "Traceback" not in refused.output


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "http://[::1]:8000"),
        ("fd00::7", "http://[fd00::7]:8000"),
        ("proxy.example", "http://proxy.example:8000"),
    ],
)
def test_a_running_proxy_is_asked_where_it_listens(host: str, address: str) -> None:
    assert proxy_address(Settings(host=host)) == address


@pytest.mark.parametrize("option", ["--url", "--engine-url"])
def test_an_address_without_a_scheme_is_told_with_one_that_would_do(demo: list[str], option: str) -> None:
    demo[demo.index(option) + 1] = "127.0.0.1:8000"
    refused = lethe(*demo)
    assert refused.exit_code == 1
    assert "as http://127.0.0.1:8000" in refused.output
