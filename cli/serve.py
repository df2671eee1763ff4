"""`lethe serve`: the proxy, and by default the engine behind it."""

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lethe.cli.errors import reported

if TYPE_CHECKING:
    from lethe.server.engines.served import EmbeddedModel
    from lethe.server.settings.settings import Settings


def serve(
    config: Annotated[Path | None, typer.Option(help="YAML file of settings.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    targets: Annotated[Path | None, typer.Option(help="Folder of the bundles in force.")] = None,
    model: Annotated[
        str | None, typer.Option(help="Hub id or folder of the model, for the engine that is started.")
    ] = None,
    engine_url: Annotated[
        str | None,
        typer.Option(help="Use the vLLM that runs there instead of starting one; several with commas."),
    ] = None,
) -> None:
    """Serve a model through the guard until stopped; SIGHUP loads the bundles anew.

    Every setting can also stand in the YAML file or in the environment, as LETHE_PORT or LETHE_ENGINE__URL.
    """
    # What it asks to have read anew has not been read yet, and the imports below take a while.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    from lethe.server.serve import run
    from lethe.server.settings.loading import load_settings

    with reported():
        engine = _given(url=engine_url, model=model)
        overrides = _given(host=host, port=port, targets=targets, engine=engine or None)
        settings = load_settings(config, overrides)
        running = settings.engine.url or settings.engines
        run(settings, None if running else embedded_model(settings))


def embedded_model(settings: "Settings") -> "EmbeddedModel":
    """Find the model for the embedded engine; the small one comes out of its package where that is installed."""
    from lethe.bundle import read_base_model
    from lethe.models.locate import local_folder
    from lethe.server.engines.served import EmbeddedModel

    name = settings.engine.model
    folder = local_folder(name, settings.cache_dir)
    return EmbeddedModel(str(folder), read_base_model(folder, name)) if folder else EmbeddedModel(name, None)


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
