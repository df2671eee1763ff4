"""The engine that a running `lethe serve` of this user started, for verbs that need one and are not told where."""

from pathlib import Path

from lethe.cli.errors import UsageError

EMBEDDED = "embedded"


def resolved_engine(engine: str | None, api_key: str | None) -> tuple[str | None, str | None]:
    """An engine's address and key as they are given, or those of the engine behind a proxy here if it is ``embedded``.

    Raises
    ------
    UsageError
        No proxy runs here, or several do.
    """
    if engine is None or engine.partition(":")[0] != EMBEDDED:
        return engine, api_key
    from lethe.server.engines.address import find_engine_address, published_ports
    from lethe.server.settings.loading import load_settings

    folder: Path = load_settings().cache_dir
    ports = published_ports(folder)
    wanted = engine.partition(":")[2]
    if wanted:
        ports = [port for port in ports if str(port) == wanted]
    if len(ports) > 1:
        raise UsageError(
            f"several proxies run here; name one by its port, as in {EMBEDDED}:{ports[0]} "
            f"(there are {', '.join(map(str, ports))})"
        )
    address = find_engine_address(folder, ports[0]) if ports else None
    if address is None:
        raise UsageError(
            f"no lethe serve{f' on port {wanted}' if wanted else ''} runs here as this user with the cache {folder}; start one, or "
            "give the engine's address"
        )
    return address.url, address.api_key
