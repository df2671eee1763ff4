"""The arithmetic of recovery where everything is known in closed form."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

from lethe.offline.progress import Progress
from lethe.offline.recovery.attribution import attributed, carried
from lethe.offline.recovery.conflict import SELECTIONS, CoordinateEvidence, top
from lethe.offline.recovery.damage import damage
from lethe.offline.recovery.errors import RecoveryError
from lethe.offline.recovery.refresh import Watched, refresh
from lethe.offline.recovery.rollback import (
    Bound,
    TriedRollback,
    best,
    kept,
    means,
    recovered,
    rolled_back,
)
from lethe.offline.recovery.sensitivity import curvature_along, sensitivity
from lethe.offline.recovery.settings import RefreshSettings
from tests.offline.recovery.quadratic import SIZE, QuadraticChain, quadratic_chain

seeds = st.integers(0, 10_000)


def sensitivity_of(chain: QuadraticChain, at: torch.Tensor | None = None):
    chain.layout.write(chain.model, chain.origin if at is None else at)
    return sensitivity(chain.model, chain.domain.losses, chain.domain.fit, chain.layout, chain.edit)


def damage_of(chain: QuadraticChain):
    found = sensitivity_of(chain)
    chain.layout.write(chain.model, chain.origin)
    curvature = curvature_along(chain.model, chain.domain.losses, chain.domain.fit, chain.layout, chain.edit)
    return damage(chain.model, chain.domain, chain.layout, chain.origin, chain.edit, found, curvature)


def test_the_gradient_is_that_of_the_formula():
    chain = quadratic_chain()
    elsewhere = chain.origin + 1.0
    found = sensitivity_of(chain, elsewhere)
    gradients = (elsewhere - chain.centres) @ chain.hessian
    torch.testing.assert_close(found.gradient, gradients.mean(dim=0))
    torch.testing.assert_close(found.fisher, gradients.square().mean(dim=0))
    torch.testing.assert_close(
        found.slopes.double(), gradients @ chain.edit, check_dtype=False, rtol=1e-5, atol=1e-6
    )


@settings(max_examples=25)
@given(seeds)
def test_damage_to_second_order_is_the_measured_one_on_a_quadratic(seed):
    chain = quadratic_chain(seed)
    found = damage_of(chain)
    exact = 0.5 * (chain.edit @ chain.hessian @ chain.edit).item()
    assert found.hessian == pytest.approx(exact)
    assert found.first_order == pytest.approx(0.0, abs=1e-9)
    assert found.foretold["Hessian, exact"] == pytest.approx(found.measured)
    assert found.measured == pytest.approx(chain.loss(chain.origin + chain.edit) - chain.loss(chain.origin))
    for share, change in found.path:
        assert change == pytest.approx(share**2 * exact, abs=1e-9)


def test_both_orders_are_needed_away_from_the_minimum():
    chain = quadratic_chain(3)
    moved = chain.__class__(**(vars(chain) | {"origin": chain.origin + 0.5}))
    found = damage_of(moved)
    assert abs(found.first_order) > 0.01
    assert found.first_order + (found.hessian or 0.0) == pytest.approx(found.measured)


def test_the_fisher_diagonal_is_the_hessians_where_examples_scatter_as_the_model_says():
    """Of a Gaussian with precision A, centres scatter with covariance 1/A, and the Fisher information is A."""
    chain = quadratic_chain(1, diagonal=True)
    generator = torch.Generator().manual_seed(5)
    scales = chain.hessian.diagonal().rsqrt()
    centres = chain.origin + scales * torch.randn(4000, SIZE, generator=generator, dtype=torch.float64)
    found = sensitivity(chain.model, chain.domain.losses, list(centres), chain.layout, chain.edit)
    torch.testing.assert_close(found.fisher, chain.hessian.diagonal(), rtol=0.15, atol=0.0)


@settings(max_examples=25)
@given(seeds, st.floats(0.05, 1.0))
def test_a_rollback_on_a_diagonal_quadratic_takes_back_what_the_algebra_says(seed, strength):
    chain = quadratic_chain(seed, diagonal=True)
    curvature = chain.hessian.diagonal()
    chosen = top(
        SELECTIONS["conflict"](replace(CoordinateEvidence.of_edit(chain.edit), fisher=curvature), 0), 4
    )
    parameters = rolled_back(chain.origin + chain.edit, chain.edit, chosen, strength)
    # Along each chosen coordinate the damage falls to its (1 - lambda)^2; the others keep theirs.
    each = 0.5 * curvature * chain.edit.square()
    left = each.sum() - (1 - (1 - strength) ** 2) * each[chosen].sum()
    assert chain.loss(parameters) - chain.loss(chain.origin) == pytest.approx(left.item())


@settings(max_examples=25)
@given(seeds, st.integers(1, SIZE))
def test_no_set_of_that_size_heals_a_diagonal_quadratic_more_than_the_conflict_set(seed, count):
    chain = quadratic_chain(seed, diagonal=True)
    known = replace(CoordinateEvidence.of_edit(chain.edit), fisher=chain.hessian.diagonal())

    def loss(selection: str) -> float:
        chosen = top(SELECTIONS[selection](known, seed), count)
        return chain.loss(rolled_back(chain.origin + chain.edit, chain.edit, chosen, 1.0))

    assert loss("conflict") <= min(loss("random"), loss("largest")) + 1e-12


@settings(max_examples=25)
@given(seeds, st.floats(0.0, 1.0))
def test_rolling_everything_back_interpolates_and_ends_where_the_edit_began(seed, strength):
    chain = quadratic_chain(seed)
    final = chain.origin + chain.edit
    everything = torch.arange(SIZE)
    torch.testing.assert_close(rolled_back(final, chain.edit, None, 1.0), chain.origin)
    torch.testing.assert_close(
        rolled_back(final, chain.edit, None, strength), rolled_back(final, chain.edit, everything, strength)
    )


@settings(max_examples=10)
@given(seeds)
def test_a_refresh_by_gradient_descent_contracts_along_each_direction_by_its_curvature(
    tmp_path_factory, seed
):
    chain = quadratic_chain(seed)
    rate, count = 0.1, 7
    everything = torch.arange(SIZE)
    chain.layout.write(chain.model, chain.origin + chain.edit)
    steps = refresh(
        chain.model,
        chain.domain,
        chain.layout,
        Watched(chain.origin, everything[:3], everything[-3:]),
        RefreshSettings(steps=count, batch_size=6, optimizer="sgd", clip_norm=math.inf),
        rate,
        tmp_path_factory.mktemp("refresh") / "trace.jsonl",
        Progress(),
    )
    contraction = torch.linalg.matrix_power(torch.eye(SIZE) - rate * chain.hessian, count)
    left = contraction @ chain.edit
    torch.testing.assert_close(chain.layout.read(chain.model), chain.origin + left)
    assert [step.step for step in steps] == list(range(count + 1))
    assert steps[0].conflict == pytest.approx(chain.edit[:3].norm().item())
    assert steps[-1].conflict == pytest.approx(left[:3].norm().item())
    assert steps[-1].control == pytest.approx(left[-3:].norm().item())
    assert steps[-1].everything == pytest.approx(left.norm().item())


def refreshed(trace, stop_after=None, conflict=3, domain=None, learning_rate=0.05, **changes: Any):
    """Refresh a chain of its own; stopped by a keyboard interrupt after some step."""
    chain = quadratic_chain(2)
    chain.layout.write(chain.model, chain.origin + chain.edit)
    watched = Watched(chain.origin, torch.arange(conflict), torch.arange(conflict, 2 * conflict))

    class Stopping(Progress):
        def advance(self, done, total=None, note=""):
            if done == stop_after:
                raise KeyboardInterrupt

    asked: dict[str, Any] = {"steps": 25, "batch_size": 4} | changes
    given = RefreshSettings(**asked)
    return refresh(
        chain.model, domain or chain.domain, chain.layout, watched, given, learning_rate, trace, Stopping()
    )


def test_a_refresh_that_was_stopped_goes_on_to_the_same_end(tmp_path):
    whole = refreshed(tmp_path / "whole.jsonl")
    with pytest.raises(KeyboardInterrupt):
        refreshed(tmp_path / "stopped.jsonl", stop_after=17)
    assert refreshed(tmp_path / "stopped.jsonl") == whole
    assert (tmp_path / "stopped.jsonl").read_text() == (tmp_path / "whole.jsonl").read_text()
    assert not list(tmp_path.glob("*.state.*"))


@pytest.mark.parametrize(
    "changes", [{"learning_rate": 0.01}, {"steps": 5}, {"seed": 1}, {"conflict": 2}], ids=str
)
def test_a_refresh_with_other_settings_does_not_go_on_from_one_that_was_stopped(tmp_path, changes):
    with pytest.raises(KeyboardInterrupt):
        refreshed(tmp_path / "stopped.jsonl", stop_after=17)
    assert refreshed(tmp_path / "stopped.jsonl", **changes) == refreshed(tmp_path / "own.jsonl", **changes)


@pytest.mark.parametrize(("bad_step", "kept_steps"), [(25, 20), (20, 10), (5, None)])
def test_a_gradient_that_is_no_number_is_not_stepped_along(tmp_path, bad_step, kept_steps):
    whole = quadratic_chain(2).domain
    calls = itertools.count(1)

    def losses(model, examples):
        # The root of zero: a loss that is a number with a slope that is none.
        broken = (0.0 * model()).abs().sqrt().sum() if next(calls) == bad_step else 0.0
        return whole.losses(model, examples) + broken

    with pytest.raises(RecoveryError, match=f"at step {bad_step}, .*gradient"):
        refreshed(tmp_path / "trace.jsonl", domain=replace(whole, losses=losses))
    states = list(tmp_path.glob("*.state.safetensors"))
    assert len(states) == (kept_steps is not None)
    for state in states:
        assert all(tensor.isfinite().all() for tensor in load_file(state).values())
    assert refreshed(tmp_path / "trace.jsonl") == refreshed(tmp_path / "whole.jsonl")


def test_a_loss_that_is_no_number_stops_a_refresh(tmp_path):
    chain = quadratic_chain()
    chain.layout.write(chain.model, torch.full((SIZE,), math.inf, dtype=torch.float64))
    watched = Watched(chain.origin, torch.arange(1), torch.arange(1))
    with pytest.raises(RecoveryError, match="lower the learning rate"):
        refresh(
            chain.model,
            chain.domain,
            chain.layout,
            watched,
            RefreshSettings(),
            5e-5,
            tmp_path / "trace.jsonl",
            Progress(),
        )


@settings(max_examples=50)
@given(seeds, st.integers(1, 40))
def test_a_set_holds_no_coordinate_that_was_never_edited(seed, count):
    generator = torch.Generator().manual_seed(seed)
    edit = torch.randn(30, generator=generator) * (torch.rand(30, generator=generator) < 0.3)
    fisher, harm, gain, route = torch.rand(4, 30, generator=generator)
    known = CoordinateEvidence(edit, fisher, harm * (edit != 0), gain * (edit != 0), route)
    for selection in SELECTIONS.values():
        chosen = top(selection(known, seed), count)
        assert (edit[chosen] != 0).all()
        assert len(chosen.unique()) == len(chosen) <= count


BEFORE = {"first": 0.9, "second": 0.1}
FINAL = {"first": 0.4, "second": 0.9}


def tried(share: float, **example_scores: Sequence[float]) -> TriedRollback:
    return TriedRollback("conflict", share, 1.0, means(example_scores), example_scores)


def test_the_best_rollback_keeps_the_later_domains_and_recovers_most():
    before, final = ({name: [score] for name, score in each.items()} for each in (BEFORE, FINAL))
    bound = Bound("first", before, final, 0.95, 0.5)
    keeps = tried(0.01, first=[0.6], second=[0.88])
    keeps_less = tried(0.001, first=[0.5], second=[0.9])
    loses = tried(0.1, first=[0.9], second=[0.5])
    harms = tried(0.1, first=[0.3], second=[0.9])
    assert best([keeps_less, keeps, loses], bound) == keeps
    assert best([loses, harms], bound) is None
    assert best([], bound) is None


def test_what_is_surely_kept_is_less_the_fewer_examples_carry_the_loss():
    """Both candidates keep 96 % of the later domain in the mean; of one, two examples of fifty lost all of it."""
    count = 50
    bound = Bound(
        "first",
        {"first": [0.9], "second": [0.0] * count},
        {"first": [0.4], "second": [1.0] * count},
        0.95,
        0.95,
    )
    evenly = tried(0.01, first=[0.6], second=[0.96] * count)
    rarely = tried(0.1, first=[0.8], second=[0.0, 0.0] + [1.0] * (count - 2))
    assert rarely.scores["second"] == evenly.scores["second"] == pytest.approx(0.96)
    assert bound.surely_kept(evenly.example_scores) == pytest.approx(0.96)
    # Resampled, the two come up four times or more in 14 % of the draws, and six times or more in 1.4 %: binomial, 50 of 0.04.
    assert 0.89 < bound.surely_kept(rarely.example_scores) < 0.93
    assert best([evenly, rarely], bound) is evenly
    assert best([evenly, rarely], replace(bound, confidence=0.5)) is rarely


def test_what_is_surely_kept_is_the_least_of_all_later_domains_and_of_the_newest_gain():
    before = {"first": [0.9], "second": [0.2, 0.4], "third": [0.5, 0.5]}
    final = {"first": [0.4], "second": [0.8, 0.8], "third": [0.9, 0.9]}
    bound = Bound("first", before, final, 0.95, 0.95)
    assert bound.surely_kept({"first": [0.5], "second": [0.8, 0.8], "third": [0.8, 0.8]}) == pytest.approx(
        0.75
    )
    assert bound.surely_kept({"first": [0.5], "second": [0.4, 0.4], "third": [0.9, 0.9]}) == pytest.approx(
        0.5
    )
    # Nothing was gained and nothing was there: nothing can be lost.
    nothing = {"first": [0.9], "second": [0.0, 0.0]}
    bound = Bound("first", nothing, {"first": [0.4], "second": [0.0, 0.0]}, 0.95, 0.95)
    assert bound.surely_kept(nothing) == math.inf


def test_what_is_kept_is_the_least_of_every_score_and_of_the_newest_gain():
    assert kept({"first": 0.6, "second": 0.86}, BEFORE, FINAL, "first") == pytest.approx(0.76 / 0.8)
    # The newest gained nothing, so its score alone counts.
    assert kept({"first": 0.6, "second": 0.72}, {"first": 0.9, "second": 0.9}, FINAL, "first") == (
        pytest.approx(0.8)
    )
    # Of a domain between them its score counts, which fell furthest here.
    before = {"first": 0.9, "second": 0.5, "third": 0.0}
    final = {"first": 0.4, "second": 0.8, "third": 1.0}
    now = {"first": 0.6, "second": 0.4, "third": 0.9}
    assert kept(now, before, final, "first") == pytest.approx(0.5)


@settings(max_examples=25)
@given(seeds, st.integers(1, 5))
def test_parts_along_the_edit_sum_to_what_the_loss_changes_by(seed, points):
    chain = quadratic_chain(seed)
    parts = attributed(
        chain.model, chain.domain.losses, chain.domain.fit, chain.layout, chain.origin, chain.edit, points
    )
    # The gradient is linear along the way, so midpoints give its mean exactly: d_i (H d)_i / 2 at the minimum.
    torch.testing.assert_close(parts, 0.5 * chain.edit * (chain.hessian @ chain.edit))
    risen = chain.loss(chain.origin + chain.edit) - chain.loss(chain.origin)
    assert parts.sum().item() == pytest.approx(risen)


def test_a_path_takes_what_harms_more_than_it_gains():
    edit = torch.tensor([1.0, 1.0, 1.0, 0.0])
    known = replace(
        CoordinateEvidence.of_edit(edit),
        harm=torch.tensor([0.6, 0.3, 0.1, 0.0]),
        gain=torch.tensor([0.2, 1.6, 0.2, 0.0]),
    )
    # Shares: 0.6 - 0.1, 0.3 - 0.8, 0.1 - 0.1.
    torch.testing.assert_close(SELECTIONS["path"](known, 0), torch.tensor([0.5, -0.5, 0.0, 0.0]))
    assert top(SELECTIONS["path"](known, 0), 4).tolist() == [0]


def test_what_was_not_lost_cannot_be_recovered():
    assert recovered(0.7, before=0.9, after=0.5) == pytest.approx(0.5)
    assert recovered(0.7, before=0.5, after=0.5) is None


def test_what_coordinates_carry_is_their_part_of_the_whole():
    chosen = torch.tensor([True, False, True, False])
    harm, gain = torch.tensor([3.0, 1.0, 3.0, 1.0]), torch.tensor([2.0, -1.0, 1.0, 0.0])
    found = carried(chosen, harm, gain)
    assert (found.share, found.harm, found.gain) == pytest.approx((0.5, 0.75, 1.5))
