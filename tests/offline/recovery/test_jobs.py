import json
import math

import pytest
import torch
from transformers import AutoModelForCausalLM
from typer.testing import CliRunner

from lethe.cli.main import app
from lethe.offline.evaluation.results import read_results
from lethe.offline.progress import Progress
from lethe.offline.recovery.chain import read_chain
from lethe.offline.recovery.conflict import CoordinateEvidence, random, top
from lethe.offline.recovery.errors import RecoveryError
from lethe.offline.recovery.jobs.diagnosis import diagnose
from lethe.offline.recovery.jobs.refresh import domain_of_chosen, refresh_domain
from lethe.offline.recovery.jobs.rollback import roll_back
from lethe.offline.recovery.rollback import rolled_back
from lethe.offline.recovery.settings import RefreshSettings, RollbackSettings
from lethe.offline.recovery.workspace import Workspace
from tests.offline.recovery.conftest import write_chain

SETTINGS = RollbackSettings(shares=(0.01, 0.2), strengths=(1.0,), keep=0.0)
QUIET = Progress(lambda _line: None)


class Stopping(Progress):
    """Ends a rollback after the third that was tried."""

    def advance(self, done: int, total: int | None = None, note: str = "") -> None:
        if self.under_way.endswith("measuring rollbacks") and done == 3:
            raise KeyboardInterrupt


def tried(chain, folder, selection, *changes):
    """What is kept of a selection's rollbacks after one for each change of the settings."""
    for change in changes:
        settings = RollbackSettings(shares=(0.2,), strengths=(1.0,), keep=0.0, draws=1, save=False, **change)
        roll_back(Workspace(chain, None, folder), settings, QUIET)
    rows = map(json.loads, (folder / "candidates.jsonl").read_text().splitlines())
    return [row for row in rows if row["selection"] == selection]


def test_the_three_jobs_leave_a_report_and_models_that_load(adapter_chain, tmp_path):
    work = Workspace(adapter_chain, None, tmp_path)
    diagnose(work, QUIET, exact=2)
    roll_back(work, SETTINGS, QUIET)
    refresh_domain(work, RefreshSettings(steps=3, batch_size=2), QUIET)

    results = {result.model: result.scores for result in read_results(tmp_path / "results.json")}
    assert list(results) == [
        "start of its stage", "full rollback", "end of the chain", "rollback", "random control", "best conflict",
        "best routes", "best path", "best units", "best random", "best largest", "best interpolation", "refresh", "refresh on all",
        "refresh on routes",
    ]  # fmt: skip
    assert results["end of the chain"]["kept by later domains"] == 1.0
    diagnosis = json.loads((tmp_path / "diagnosis.json").read_text())
    assert diagnosis["coordinates"] == work.layout.size
    assert diagnosis["damage"]["exact_examples"] == 2
    report = (tmp_path / "report.md").read_text()
    for section in ("Scores", "Edits", "Routes", "Damage", "Rollback", "Refresh"):
        assert f"## {section}" in report
    for picture in ("edits", "damage", "rollback", "refresh"):
        assert (tmp_path / f"{picture}.png").read_bytes().startswith(b"\x89PNG")
        assert f"({picture}.png)" in report
    for name in ("rolled-back", "refreshed"):
        AutoModelForCausalLM.from_pretrained(tmp_path / name)


def test_a_rollback_goes_on_where_it_was_stopped_and_touches_the_chosen_coordinates_alone(
    full_chain, tmp_path
):
    trace = tmp_path / "candidates.jsonl"
    work = Workspace(full_chain, None, tmp_path)

    with pytest.raises(KeyboardInterrupt):
        roll_back(work, SETTINGS, Stopping())
    before = trace.read_text().splitlines()
    assert len(before) == 3
    roll_back(work, SETTINGS, QUIET)
    after = trace.read_text().splitlines()
    assert after[:3] == before
    tried = [(row["selection"], row["share"]) for row in map(json.loads, after)]
    assert sorted(tried) == sorted(
        [
            (kind, share)
            for kind in ("conflict", "routes", "path", "units", "random", "largest")
            for share in (0.01, 0.2)
        ]
        + [("interpolation", 1.0)]
    )

    chosen = json.loads((tmp_path / "rollback.json").read_text())
    chosen = chosen["chosen"][chosen["rollback"]]
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "rolled-back", dtype=torch.float32)
    taken = work.final - work.layout.read(model)
    moved = taken != 0
    expected = int(chosen["share"] * work.layout.size)
    assert 0 < moved.sum() <= expected
    torch.testing.assert_close(taken[moved], work.edit[moved], rtol=1e-3, atol=1e-6)


def test_another_seed_draws_other_random_sets(full_chain, tmp_path):
    def random_scores(folder, *seeds):
        rows = tried(full_chain, folder, "random", *({"seed": seed} for seed in seeds))
        return [row["scores"] for row in rows]

    zero, one = random_scores(tmp_path / "both", 0, 1)
    assert zero != one
    assert random_scores(tmp_path / "one", 1) == [one]


def test_the_random_control_is_the_mean_of_its_draws(adapter_chain, tmp_path):
    settings = SETTINGS.model_copy(update={"draws": 3, "save": False})
    work = Workspace(adapter_chain, None, tmp_path)
    roll_back(work, settings, QUIET)

    rollback = json.loads((tmp_path / "rollback.json").read_text())
    results = {result.model: result.scores for result in read_results(tmp_path / "results.json")}
    draws = rollback["controls"]
    assert len({draw["red"] for draw in draws}) == 3
    for name in ("red", "blue", "recovered"):
        mean = sum(draw[name] for draw in draws) / 3
        assert results["random control"][name] == pytest.approx(mean)
    chosen = rollback["chosen"][rollback["rollback"]]
    ranked = top(random(CoordinateEvidence.of_edit(work.edit), 2), int(chosen["share"] * work.layout.size))
    third = rolled_back(work.final, work.edit, ranked, chosen["strength"])
    assert work.scores(third, "test")["red"] == pytest.approx(draws[2]["red"])
    least, most = (100 * pick(draw["recovered"] for draw in draws) for pick in (min, max))
    assert f"the mean of 3 draws, which recover {least:.0f} % to {most:.0f} %" in (
        tmp_path / "report.md"
    ).read_text().replace("\n", " ")


def test_a_folder_with_another_chains_results_is_left_alone(full_chain, adapter_chain, tmp_path):
    Workspace(full_chain, None, tmp_path)
    with pytest.raises(RecoveryError, match="results of another chain"):
        Workspace(adapter_chain, None, tmp_path)


def test_a_stage_that_forgets_starts_from_npos_loss_at_its_reference(
    chain_folder, tiny_model_folder, tmp_path
):
    path = write_chain(chain_folder, "forget.toml", tiny_model_folder, "{}", 'goal = "forget"')
    work = Workspace(read_chain(path), None, tmp_path)
    domain = work.domains["red"]
    work.layout.write(work.model, work.checkpoints.vector(0))
    with torch.no_grad():
        losses = domain.losses(work.model, domain.fit)
    # 2 / beta * log 2, with NPO's beta of 0.1; the reference was scored in half precision.
    torch.testing.assert_close(losses, torch.full_like(losses, 20 * math.log(2)), rtol=0.02, atol=0.0)
    scores = work.scores(work.final, "test")
    assert all(0 <= score <= 1 for score in scores.values())


def run(*arguments: object):
    return CliRunner().invoke(app, ["recover", *map(str, arguments)])


@pytest.mark.parametrize(
    ("job", "stages"),
    [
        (
            ("diagnose", "--exact", "1"),
            (
                "gradients",
                "exact curvature",
                "measuring routes",
                "measuring the damage",
                "measuring the ends of the chain",
            ),
        ),
        (
            ("rollback", "--draws", "1", "--no-save"),
            (
                "gradients",
                "attributing the harm",
                "measuring the ends of the chain",
                "measuring rollbacks",
                "measuring random controls",
            ),
        ),
        (
            ("refresh", "--steps", "1", "--no-save"),
            ("gradients", "measuring the ends of the chain", "refresh"),
        ),
    ],
)
def test_the_command_counts_its_stages_and_prints_the_report(chain_folder, tmp_path, job, stages):
    verb, *options = job
    result = run(verb, chain_folder / "full.toml", *options, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert f"## {verb.replace('diagnose', 'damage').capitalize()}" in result.stdout
    told = [line for line in result.stderr.splitlines() if line.startswith("stage")]
    assert told == [f"stage {n} of {len(stages)}: {stage}" for n, stage in enumerate(stages, start=1)]


def test_bad_input_is_one_line_before_anything_is_measured(chain_folder, tiny_model_folder, tmp_path):
    chain, out = chain_folder / "full.toml", tmp_path / "out"
    (chain_folder / "few.jsonl").write_text('{"question": "q", "answer": "a"}\n')
    few = chain_folder / "few.toml"
    few.write_text(chain.read_text().replace("red.jsonl", "few.jsonl"))
    cases = {
        ("diagnose", tmp_path / "none.toml", "--out", out): "does not exist",
        ("diagnose", chain, "--harmed", "blue", "--out", out): "name an earlier stage",
        ("rollback", chain, "--rho", "2", "--out", out): "--rho: Input should be less",
        ("rollback", chain, "--strength", "0", "--out", out): "--strength: Input should be greater",
        ("rollback", chain, "--draws", "0", "--out", out): "--draws: Input should be greater than 0, not 0",
        ("refresh", chain, "--learning-rate", "0", "--out", out): "--learning-rate: Input should be greater",
        ("diagnose", few, "--out", tmp_path / "few"): "at least 4 are needed",
    }
    for arguments, message in cases.items():
        result = run(*arguments)
        assert result.exit_code == 1
        assert message in result.stderr
        assert len(result.stderr.strip().splitlines()) == 1


def test_a_refresh_is_chosen_by_its_held_out_scores_and_told_by_its_test_scores(full_chain, tmp_path):
    work = Workspace(full_chain, None, tmp_path)
    settings = RefreshSettings(
        steps=4,
        measured_every=2,
        batch_size=2,
        learning_rates=(1e-3, 3e-3),
        examples=("all", "harm"),
        keep=0.0,
    )
    refresh_domain(work, settings, QUIET)

    tried = [
        json.loads(line) for line in next(tmp_path.glob("refresh-*/tried.jsonl")).read_text().splitlines()
    ]
    assert [(each["examples"], each["learning_rate"], each["steps"]) for each in tried] == [
        (name, rate, steps) for name in ("all", "harm") for rate in (1e-3, 3e-3) for steps in (2, 4)
    ]
    results = {result.model: result.scores for result in read_results(tmp_path / "results.json")}
    end = work.scores(work.final, "held_out")["red"]
    for name in ("all", "harm"):
        mine = [each for each in tried if each["examples"] == name and each["scores"]["red"] > end]
        pick = max(mine, key=lambda each: each["scores"]["red"], default=None)
        expected = pick["test"]["red"] if pick else results["end of the chain"]["red"]
        assert results[f"refresh on {name}"]["red"] == pytest.approx(expected)
    # Once more tries nothing again.
    refresh_domain(work, settings, QUIET)
    again = next(tmp_path.glob("refresh-*/tried.jsonl")).read_text().splitlines()
    assert len(again) == len(tried)


def test_half_of_the_examples_are_chosen_by_what_was_harmed(full_chain, tmp_path):
    work = Workspace(full_chain, None, tmp_path)
    scores = work.sensitivity().fisher * work.edit.square()
    domain = work.domains["red"]
    for name in ("lot", "routes", "harm"):
        chosen = domain_of_chosen(work, scores, name, seed=0).fit
        assert len(chosen) == 2
        assert all(each in domain.fit for each in chosen)

    def loss(parameters, example):
        work.layout.write(work.model, parameters)
        with torch.no_grad():
            return domain.losses(work.model, [example]).item()

    risen = [loss(work.final, each) - loss(work.origin, each) for each in domain.fit]
    most = sorted(range(4), key=lambda i: -risen[i])[:2]
    chosen = domain_of_chosen(work, scores, "harm", seed=0).fit
    assert [domain.fit.index(each) for each in chosen] == sorted(most)
    assert domain_of_chosen(work, scores, "all", seed=0).fit == domain.fit


def test_replay_refreshes_on_as_many_examples_of_later_domains_each_with_its_own_loss(full_chain, tmp_path):
    work = Workspace(full_chain, None, tmp_path)
    red, blue = work.domains["red"], work.domains["blue"]
    replayed = domain_of_chosen(work, torch.zeros(work.layout.size), "replay", seed=0)
    assert len(replayed.fit) == 2 * len(red.fit)
    assert [example for domain, example in replayed.fit if domain is red] == list(red.fit)
    assert all(example in blue.fit for domain, example in replayed.fit if domain is blue)

    work.layout.write(work.model, work.final)
    mixed = [replayed.fit[-1], replayed.fit[0]]
    with torch.no_grad():
        losses = replayed.losses(work.model, mixed)
        alone = [domain.losses(work.model, [example]) for domain, example in reversed(mixed)]
    torch.testing.assert_close(losses, torch.cat(alone))


def test_other_points_attribute_the_harm_otherwise(full_chain, tmp_path):
    def path_scores(folder, *numbers):
        rows = tried(full_chain, folder, "path", *({"points": points} for points in numbers))
        return [row["example_scores"] for row in rows]

    one, three = path_scores(tmp_path / "both", 1, 3)
    assert one != three
    assert path_scores(tmp_path / "three", 3) == [three]
