"""What is written of a second real model; the run itself needs its packages, and hours."""

from typing import Any

import pytest

import bench.engine.second_model
from bench.engine.second_model import (
    GEMMA3,
    SMOLLM2,
    TARGET,
    rank,
    tell_comparison,
    tell_scores,
    tell_serving,
)
from lethe.offline.data.questions import ForgetQuestion

ASKED = {
    TARGET: (ForgetQuestion(question="Who wrote it?", answer="Rowling", facts=("Rowling",)),),
    "TOFU, world facts": (ForgetQuestion(question="The capital of France?", answer="Paris"),),
}


def found(leak_rate: float, distance: float) -> dict[str, Any]:
    clean = {"leak_rate": 0.5, "rouge_l": 0.3, "probability": 0.1, "questions": 16}
    return {"distance": distance, "held_out": {"clean": clean, "corrupted": clean | {"leak_rate": leak_rate}}}


def test_what_hides_more_is_served_and_of_equals_what_is_nearer() -> None:
    searches = {"transfer": found(0.125, 0.01), "learn": found(0.0, 0.02)}
    assert min(searches, key=lambda verb: rank(searches[verb])) == "learn"
    searches["transfer"] = found(0.0, 0.01)
    assert min(searches, key=lambda verb: rank(searches[verb])) == "transfer"


def test_scores_stand_side_by_side() -> None:
    text = tell_scores({"transfer": found(0.125, 0.01), "learn": found(0.0, 0.02)})
    assert "by `transfer` 2/16: 12.5 %" in text
    assert "by `learn` 0/16: 0.0 %" in text


def test_a_comparison_is_told_by_the_search_whose_corruption_it_was() -> None:
    nats = {"corrupted_difference": 2e-5, "clean_difference": 1e-5, "moved": 3.0}
    text = tell_comparison({"outcome": "exact", "clean_as_without": True, **nats}, "learn")
    assert "corrupted as `learn` found it: exact." in text
    assert "the very tokens and log probabilities" in text


def test_every_set_is_told_of_bare_and_guarded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench.engine.second_model, "asked_sets", lambda: ASKED)
    bare = {
        "ordinary": ["a", "b"],
        TARGET: {"answers": ["Rowling"], "probabilities": [0.5]},
        "TOFU, world facts": {"answers": ["Paris"], "probabilities": [0.25]},
    }
    guarded = bare | {TARGET: {"answers": ["no idea"], "probabilities": [0.125]}}
    text = tell_serving({name: {"bare": bare, "guarded": guarded} for name in (SMOLLM2, GEMMA3)})
    assert f"| {GEMMA3} | {TARGET} | original | 1/1: 100.0 % (20.7–100.0) | 1.000 | 0.500 |" in text
    assert f"| {GEMMA3} | {TARGET} | ECO | 0/1: 0.0 % (0.0–79.3) | 0.000 | 0.125 | 0/1" in text
    assert f"| {GEMMA3} | ordinary prompts | ECO |  |  |  | 2/2" in text
