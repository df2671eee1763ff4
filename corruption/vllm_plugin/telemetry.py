"""What an operator sees of the plugin on the engine's ``/metrics``."""

from prometheus_client import Counter, Gauge

# Gauges of several API servers are merged; without a mode each would carry its process id.
INFO = Gauge(
    "lethe_plugin_info",
    "1 where the corruption plugin guards this engine.",
    ["version", "vllm_version", "runner", "wire"],
    multiprocess_mode="max",
)
CORRUPTED = Counter("lethe_plugin_corrupted_requests", "Requests whose prompt is corrupted.")
REFUSED = Counter(
    "lethe_plugin_refused_requests", "Requests refused because their corruption cannot be carried out."
)
DISAGREEMENTS = Counter(
    "lethe_plugin_disagreements",
    "Corrupted requests whose prompt the engine tokenized otherwise than the ranges' maker: every token but the "
    "last is corrupted.",
)
