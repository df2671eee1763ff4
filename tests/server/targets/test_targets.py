"""The targets in force: which of a folder, and for whom."""

from pathlib import Path

import pytest

from lethe.bundle import Action, BundleError
from lethe.server.access.keys import ANYONE
from lethe.server.targets.rollout import change_deployment
from lethe.server.targets.targets import load_targets
from tests.server.stack import api_key, write_target

KEYS = [api_key(f"key-{number}") for number in range(2000)]


def test_without_a_word_a_target_is_as_its_bundle_says(targets: Path) -> None:
    [target] = load_targets(targets)
    assert (target.action, target.percent) == (Action.CORRUPT, 100)


def test_a_disabled_target_is_not_in_force_and_the_others_stay(targets: Path) -> None:
    write_target(targets, "films")
    change_deployment(targets, "books", enabled=False)
    assert [target.name for target in load_targets(targets)] == ["films"]


def test_a_damaged_target_keeps_the_others_out_only_while_it_is_enabled(targets: Path) -> None:
    write_target(targets, "films")
    (targets / "books" / "corruption.safetensors").write_bytes(b"damaged")
    with pytest.raises(BundleError, match="has hash"):
        load_targets(targets)
    change_deployment(targets, "books", enabled=False)
    assert [target.name for target in load_targets(targets)] == ["films"]


def test_an_action_in_place_of_the_bundles_own_needs_what_that_action_needs(targets: Path) -> None:
    write_target(targets, "films", Action.OBSERVE, base_model=None)
    change_deployment(targets, "books", action="refuse")
    change_deployment(targets, "films", action="observe")
    assert [target.action for target in load_targets(targets)] == [Action.REFUSE, Action.OBSERVE]
    change_deployment(targets, "films", action="corrupt")
    with pytest.raises(BundleError, match="needs corruption"):
        load_targets(targets)


@pytest.mark.parametrize("percent", [0, 1, 25, 100])
def test_a_share_of_the_keys_is_acted_on_and_the_others_are_observed(targets: Path, percent: int) -> None:
    change_deployment(targets, "books", percent=percent)
    [target] = load_targets(targets)
    share = sum(target.action_for(key) is Action.CORRUPT for key in KEYS) / len(KEYS)
    assert share == pytest.approx(percent / 100, abs=0.03)
    assert {target.action_for(key) for key in KEYS} <= {Action.CORRUPT, Action.OBSERVE}


def test_a_growing_share_keeps_whom_it_had(targets: Path) -> None:
    shares = []
    for percent in (10, 40):
        change_deployment(targets, "books", percent=percent)
        [target] = load_targets(targets)
        shares.append({key.id for key in KEYS if target.action_for(key) is Action.CORRUPT})
    assert shares[0] < shares[1]


def test_who_cannot_be_told_from_others_is_in_every_share(targets: Path) -> None:
    change_deployment(targets, "books", percent=0)
    [target] = load_targets(targets)
    assert target.action_for(ANYONE) is Action.CORRUPT
