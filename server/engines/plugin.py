"""What an engine says of its corruption plugin, and whether plugin and proxy go together."""

import re
from dataclasses import dataclass
from importlib.metadata import version

from lethe.corruption.request import WIRE_VERSION

PLUGIN_GAUGE = "lethe_plugin_info"
_GAUGE = re.compile(rf"^{PLUGIN_GAUGE}(?:\{{(.*)\}})? ", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True)
class EnginePlugin:
    """The plugin that guards an engine.

    Attributes
    ----------
    version
        Of the release that it belongs to; empty where it does not say.
    wire
        Which form of corruption requests it reads; see `lethe.corruption.request.WIRE_VERSION`.
    """

    version: str
    wire: int

    @property
    def reads_ours(self) -> bool:
        """Whether it reads the corruption requests that this proxy sends."""
        return self.wire == WIRE_VERSION

    def describe_skew(self) -> str | None:
        """How it differs from this proxy, in words; None where both are of one release."""
        ours = version("lethegate")
        if self.version in ("", ours):
            return None
        return f"its plugin is of release {self.version}, the proxy of {ours}"


def read_plugin(metrics_page: str) -> EnginePlugin | None:
    """The plugin that an engine's Prometheus page tells of; None where there is none."""
    gauge = _GAUGE.search(metrics_page)
    if gauge is None:
        return None
    labels = dict(_LABEL.findall(gauge.group(1) or ""))
    # Releases before the label all had the first form.
    wire = labels.get("wire", "1")
    return EnginePlugin(labels.get("version", ""), int(wire) if wire.isdecimal() else 0)
