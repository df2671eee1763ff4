"""`lethe demo`: the same prompts to the bare engine and through the guard, side by side."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from lethe.cli.errors import UsageError, reported
from lethe.cli.tables import printable, show

if TYPE_CHECKING:
    from rich.text import Text

    from lethe.server.demo import Comparison
    from lethe.server.engines.address import EngineAddress
    from lethe.server.settings.settings import Settings

_READY_MARK = "ready after"


def demo(
    url: Annotated[
        str | None, typer.Option(help="A running proxy; without one, its own stack is started and stopped.")
    ] = None,
    engine_url: Annotated[
        str | None, typer.Option(help="The bare engine behind it, if the proxy did not start it itself.")
    ] = None,
    engine_key: Annotated[
        str | None, typer.Option(envvar="LETHE_ENGINE__API_KEY", help="The engine's key.")
    ] = None,
    key: Annotated[
        str | None, typer.Option(envvar="LETHE_CLIENT_KEY", help="A client's key, if the proxy asks for one.")
    ] = None,
    prompt: Annotated[list[str] | None, typer.Option(help="Ask this instead; may be repeated.")] = None,
    max_tokens: Annotated[int, typer.Option(min=1, help="Length of each answer.")] = 48,
) -> None:
    """Show what the guard changes, and what it leaves alone."""
    import asyncio

    from lethe.server.demo import QUESTIONS, compare
    from lethe.server.engines.address import EngineAddress
    from lethe.server.errors import OperatorError
    from lethe.server.settings.loading import load_settings

    with reported():
        settings = load_settings()
        for given in (url, engine_url):
            _check_address(given)
        with contextlib.ExitStack() as stack:
            proxy = url or proxy_address(settings)
            if engine_url:
                engine = EngineAddress(engine_url, engine_key)
            else:
                engine = _engine_behind(proxy, settings)
                if engine is None and url is None:
                    proxy, engine = stack.enter_context(_own_stack(settings))
            if engine is None:
                raise OperatorError(
                    f"{url} did not start its engine on this machine; name it with --engine-url"
                )
            guarded = EngineAddress(proxy, key)
            _show(asyncio.run(compare(settings, guarded, engine, prompt or QUESTIONS, max_tokens)))


def _check_address(url: str | None) -> None:
    if url is not None and not url.startswith(("http://", "https://")):
        raise UsageError(f"{url} is no address; one begins with http:// or https://, as http://{url}")


def proxy_address(settings: "Settings") -> str:
    """Where a proxy with these settings is reached from this machine."""
    every = {"0.0.0.0": "127.0.0.1", "::": "::1"}
    host = every.get(settings.host, settings.host)
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"


def _engine_behind(proxy: str, settings: "Settings") -> "EngineAddress | None":
    from urllib.parse import urlsplit

    from lethe.server.engines.address import find_engine_address

    return find_engine_address(settings.cache_dir, urlsplit(proxy).port or 80)


@contextlib.contextmanager
def _own_stack(settings: "Settings") -> Iterator[tuple[str, "EngineAddress"]]:
    from lethe.server.engines.address import find_engine_address
    from lethe.server.engines.process import free_loopback_port
    from lethe.server.errors import OperatorError

    port = free_loopback_port()
    command = [sys.executable, "-m", "lethe", "serve", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert process.stdout is not None
        last = ""
        for last in process.stdout:
            typer.echo(last.rstrip())
            if _READY_MARK in last:
                break
        engine = find_engine_address(settings.cache_dir, port)
        if engine is None:
            raise OperatorError(last.strip().removeprefix("lethe: ") or "the stack did not start")
        yield f"http://127.0.0.1:{port}", engine
    finally:
        process.terminate()
        process.wait()


def _answer(text: str, seconds: float) -> "Text":
    from rich.text import Text

    return Text.assemble(printable(text.strip()), "\n", (f"{seconds:.2f} s", "dim"))


def _show(comparisons: "list[Comparison]") -> None:
    from rich.table import Table

    table = Table(show_lines=True, expand=True)
    table.add_column("prompt", ratio=2)
    table.add_column("verdict", ratio=2)
    table.add_column("bare engine", ratio=4)
    table.add_column("through the guard", ratio=4)
    for each in comparisons:
        parts = [part for verdict in each.decision.verdicts for part in verdict.targets]
        verdict = "\n".join(f"{part.target} {part.probability:.3f} / {part.threshold:.3f}" for part in parts)
        table.add_row(
            each.question,
            f"{each.decision.outcome.value}\n{verdict}\n{1000 * each.classify_seconds:.1f} ms",
            _answer(each.bare.text, each.bare.seconds),
            _answer(
                "the same" if each.guarded.text == each.bare.text else each.guarded.text, each.guarded.seconds
            ),
        )
    show(table)
