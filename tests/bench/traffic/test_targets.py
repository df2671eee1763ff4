"""What is told of requests that several targets were asked about at once."""

import json
from pathlib import Path

from bench.traffic.targets import page_body


def test_each_group_counts_what_it_was_asked_and_who_flagged_it(tmp_path: Path) -> None:
    groups = {"one": ["a"], "2 targets": ["a", "b"]}
    about = {"machine": "a machine", "packages": 3, "groups": groups, "share": 0.001}
    (tmp_path / "about.json").write_text(json.dumps(about))
    held_out = {"held out": [0.7, 0.9, 0.5, 0.4, 0.6]}
    reached = {"b": {"threshold": 0.5, "to_find": held_out, "to_keep": {"near": [0.6, 0.1]}}}
    (tmp_path / "reached.json").write_text(json.dumps(reached))
    clear = {"left_out": False, "alarms": None, "seconds": 0.5, "on_topic": False}
    lines = [
        _line(2_000, "prose", one=clear, two=clear),
        _line(2_000, "log", one=clear, two={**clear, "alarms": {"b": "an excerpt"}, "on_topic": True}),
        _line(2_000, "log", one={**clear, "left_out": True}, two=clear),
    ]
    (tmp_path / "outcomes-2000.jsonl").write_text("\n".join(map(json.dumps, lines)))
    body = page_body(tmp_path)
    assert "| one | 0/2:" in body
    assert "| 2 targets | 1/3:" in body
    assert "| 2 targets | 1/3: 33.3 % (6.1–79.2) | 0/2: 0.0 % (0.0–65.8) |" in body
    assert "| log | 0/1:" in body
    assert "Requests that each of the 2 targets flags: b 1." in body
    assert "| b | held out | 4/5:" in body
    assert "| 0.5, as trained | 4/5: 80.0 % (37.6–96.4) | 1/2:" in body
    assert "| one | 2,000 | 2,000 |" in body


def _line(length: int, kind: str, one: dict[str, object], two: dict[str, object]) -> dict[str, object]:
    groups = {"one": one, "2 targets": two}
    return {"length": length, "kind": kind, "characters": 1_000, "groups": groups}
