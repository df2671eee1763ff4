"""The targets in force: which of a folder, and for whom."""

from pathlib import Path
from typing import Any

import pytest

from lethe.bundle import Action, Bundle, BundleError, Manifest, update_bundle
from lethe.bundle.manifest import BaseModelEntry
from lethe.bundle.signature import make_signing_key, sign_bundle
from lethe.corruption import Corruption
from lethe.server.access.keys import ANYONE
from lethe.server.settings.policy import OnUnfit
from lethe.server.targets.adapter import Adapter
from lethe.server.targets.rollout import change_deployment
from lethe.server.targets.served_model import ServedModel
from lethe.server.targets.targets import Composition, Target, TargetMeans, TargetSet, load_targets
from tests.server.stack import BASE, api_key, corruption_file, give_corruption, write_adapter, write_target

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
    corruption_file(targets / "books").write_bytes(b"damaged")
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
    with pytest.raises(BundleError, match="needs a corruption"):
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


def bundle(name: str, digit: str | None = "0", **fields: Any) -> Bundle:
    """A bundle that was made for the model whose digest is of that digit, or for none."""
    return Bundle(Path("/nowhere"), Manifest(name=name, models=base_models(digit), **fields), "1")


def base_models(digit: str | None) -> tuple[BaseModelEntry, ...]:
    entry = {"id": "any", "hidden_size": 8, "folder": "models/any"}
    return (BaseModelEntry(**entry, embedding_sha256=digit * 64),) if digit else ()


def adapter(name: str) -> Adapter:
    return Adapter(name, "1", "0" * 64, 2, Path("/nowhere"), ())


def target(name: str, action: Action, digit: str | None = "0") -> Target:
    corruption = Corruption("rand_noise_first_n", 3.0, 4) if action.corrupts else None
    adapting = adapter(name) if action.adapts else None
    means = [TargetMeans(base, corruption, adapting) for base in base_models(digit)]
    return Target(bundle(name, digit), action, tuple(means) if action.corrupts or action.adapts else ())


SERVED = ServedModel("org/model", frozenset({"org/model"}), "0" * 64)
ACTING = [action for action in Action if action.corrupts or action.adapts]


def test_an_exempt_key_is_only_observed() -> None:
    books, key = target("books", Action.CORRUPT), api_key("a", exempt=frozenset({"books"}))
    assert books.action_for(key) is Action.OBSERVE
    assert books.action_for(api_key("a", exempt=frozenset({"films"}))) is Action.CORRUPT
    both = TargetSet([books, target("films", Action.REFUSE)])
    assert not both.exempt(key)
    assert both.exempt(api_key("a", exempt=frozenset({"books", "films"})))


def test_a_set_tells_its_targets_by_name_and_which_of_them_corrupt() -> None:
    actions = {"a": Action.CORRUPT, "b": Action.ADAPTER_AND_CORRUPT, "c": Action.ADAPTER, "d": Action.REFUSE}
    targets = TargetSet([target(name, action) for name, action in actions.items()])
    assert len(targets) == 4
    assert {each.name: each.action for each in targets} == actions
    assert all(targets[name].name == name for name in actions)
    assert [each.name for each in targets.corrupting] == ["a", "b"]
    assert [each.name for each in targets.corrupting_for(api_key("k", exempt=frozenset({"a"})))] == ["b"]
    assert [each.target for each in targets.adapters] == ["b", "c"]


def test_a_composed_adapter_stands_for_exactly_its_targets() -> None:
    parts = [target(name, Action.ADAPTER) for name in ("a", "b", "c")]
    means = tuple(TargetMeans(base, adapter=adapter("both")) for base in base_models("0"))
    both = Composition(bundle("both", composes=("a", "b")), means)
    targets = TargetSet(parts, {frozenset(("a", "b")): both})
    assert [targets.composes(names) for names in (["a", "b"], ["b", "a"], ["a"], ["a", "b", "c"])] == [
        True,
        True,
        False,
        False,
    ]
    assert targets.composed_adapter(["b", "a"]) == adapter("both")
    assert targets.composed_adapter(["a"]) is None
    assert [each.target for each in targets.adapters] == ["a", "b", "c", "both"]


class TestFitted:
    """Before a model that bundles were made for, or not."""

    @pytest.mark.parametrize("action", ACTING)
    @pytest.mark.parametrize("digit", ["1", None])
    @pytest.mark.parametrize("on_unfit", OnUnfit)
    def test_of_what_does_not_fit_nothing_is_applied(
        self, action: Action, digit: str | None, on_unfit: OnUnfit
    ) -> None:
        targets = TargetSet([target("books", action, digit)]).fitted(SERVED, on_unfit)
        [books] = targets
        assert books.action is (Action.OBSERVE if on_unfit is OnUnfit.OBSERVE else Action.REFUSE)
        assert (books.corruption, books.adapter, books.in_place_of) == (None, None, action)
        assert targets.unfit == (books.bundle,)

    @pytest.mark.parametrize(
        "kept",
        [
            *(target("books", action) for action in Action),
            *(target("books", action, "1") for action in Action if action not in ACTING),
        ],
        ids=lambda each: (
            f"{each.action.value}, made for {each.bundle.manifest.models[0].embedding_sha256[0]}"
        ),
    )
    def test_what_fits_or_needs_no_model_stays(self, kept: Target) -> None:
        targets = TargetSet([kept]).fitted(SERVED, OnUnfit.REFUSE)
        assert list(targets) == [kept]
        assert targets.unfit == ()

    def test_while_the_model_is_not_known_all_stays(self) -> None:
        targets = TargetSet([target("books", Action.CORRUPT, "1")])
        assert targets.fitted(None, OnUnfit.STOP) is targets

    def test_a_composed_adapter_that_does_not_fit_is_told_and_never_given(self) -> None:
        parts = [target(name, Action.ADAPTER) for name in ("a", "b")]
        both = bundle("both", "1", composes=("a", "b"))
        means = tuple(TargetMeans(base, adapter=adapter("both")) for base in base_models("1"))
        loaded = TargetSet(parts, {frozenset(("a", "b")): Composition(both, means)})
        for on_unfit in OnUnfit:
            fitted = loaded.fitted(SERVED, on_unfit)
            assert fitted.unfit == (both,)
            assert fitted.composed_adapter(["a", "b"]) is None
            assert fitted.composes(["a", "b"]) is (on_unfit is not OnUnfit.OBSERVE)


def test_a_bundle_that_could_never_be_flagged_is_told(targets: Path) -> None:
    update_bundle(targets / "books", {"classifier/head.json": None})
    with pytest.raises(BundleError, match="bundle books: it has no classifier"):
        load_targets(targets)


def test_a_composed_adapter_is_loaded_where_all_its_parts_are(targets: Path) -> None:
    for name in ("books", "films"):
        write_adapter(targets, name)
    write_adapter(targets, "both", composes=("books", "films"))
    update_bundle(targets / "both", {"classifier/head.json": None})
    loaded = load_targets(targets)
    assert [each.name for each in loaded] == ["books", "films"]
    assert loaded.composed_adapter(["films", "books"]) is not None
    change_deployment(targets, "films", enabled=False)
    assert not load_targets(targets).composes(["films", "books"])


def test_of_what_a_bundle_has_for_several_models_that_of_the_model_served_is_applied(targets: Path) -> None:
    other = BASE | {"id": "org/other", "embedding_sha256": "1" * 64}
    give_corruption(targets / "books", other, Corruption("rand_noise_first_n", 7.0, 2))
    loaded = load_targets(targets)
    for digit, strength in ("0", 3.0), ("1", 7.0):
        served = ServedModel("any", frozenset({"any"}), digit * 64)
        [books] = fitted = loaded.fitted(served, OnUnfit.REFUSE)
        assert books.corruption is not None
        assert (books.action, books.corruption.strength) == (Action.CORRUPT, strength)
        assert not fitted.unfit
    by_name = loaded.fitted(ServedModel("org/other", frozenset({"org/other"})), OnUnfit.REFUSE)
    assert by_name["books"].corruption == books.corruption
    third = ServedModel("any", frozenset({"any"}), "2" * 64)
    assert [each.name for each in loaded.fitted(third, OnUnfit.REFUSE).unfit] == ["books"]


def test_a_model_for_which_only_a_part_of_what_is_needed_is_there_does_not_fit(targets: Path) -> None:
    other = BASE | {"id": "org/other", "embedding_sha256": "1" * 64}
    write_adapter(targets, "books", Action.ADAPTER_AND_CORRUPT)
    give_corruption(targets / "books", other)
    loaded = load_targets(targets)
    [fits] = loaded.fitted(SERVED, OnUnfit.REFUSE)
    assert fits.corruption
    assert fits.adapter
    [half] = loaded.fitted(ServedModel("org/other", frozenset({"org/other"})), OnUnfit.REFUSE)
    assert (half.action, half.in_place_of) == (Action.REFUSE, Action.ADAPTER_AND_CORRUPT)
    assert (half.corruption, half.adapter) == (None, None)
    assert [each.target for each in loaded.adapters] == ["books"]


def test_where_signers_are_named_only_what_they_signed_comes_into_force(
    targets: Path, tmp_path: Path
) -> None:
    public = make_signing_key(tmp_path / "key")
    for name in [path.parent.name for path in targets.glob("*/target.json")]:
        sign_bundle(targets / name, tmp_path / "key")
    in_force = [target.name for target in load_targets(targets, public)]
    assert in_force == [target.name for target in load_targets(targets)]
    assert in_force
    update_bundle(targets / in_force[0], {}, description="changed")
    with pytest.raises(BundleError, match=f"{in_force[0]} is not signed"):
        load_targets(targets, public)
    change_deployment(targets, in_force[0], enabled=False)
    load_targets(targets, public)
