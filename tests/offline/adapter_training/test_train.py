"""What training a bank changes, and what it leaves alone."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaConfig

from lethe.corruption.artifact import Corruption, Positions
from lethe.corruption.transformers_hook import corrupted_embeddings
from lethe.offline.adapter_training.bank import AdapterBank, load_bank
from lethe.offline.adapter_training.corrupted import CorruptedQuestions
from lethe.offline.adapter_training.phase import Step
from lethe.offline.adapter_training.settings import AdapterTrainingSettings
from lethe.offline.adapter_training.texts import SourceText, tokenize_texts
from lethe.offline.adapter_training.train import BankTraining, TrainedBank, train_bank
from lethe.offline.data.json_lines import read_whole_lines
from lethe.offline.language_models.encoding import PromptEncoder, corruption_request
from lethe.offline.language_models.interface import Prompt, Scoring
from lethe.offline.language_models.local import LocalModel
from lethe.offline.training.batching import padded
from lethe.offline.training.errors import AdapterError
from lethe.offline.training.low_rank import attach, load_weights
from lethe.offline.training.peft_folder import read_peft_folder, write_peft_folder
from tests.offline.adapter_training.conftest import BREAD, FENS, MARSH, MakeTraining

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def bank_file(training: BankTraining, trained: TrainedBank, tmp_path: Path) -> Path:
    """A copy of the bank with the expert `marsh`."""
    return Path(shutil.copy(training.settings.bank_file, tmp_path / "bank.safetensors"))


@pytest.fixture(scope="module")
def bank_with_fens(
    make_training: MakeTraining,
    training: BankTraining,
    trained: TrainedBank,
    tmp_path_factory: pytest.TempPathFactory,
) -> AdapterBank:
    """The bank after the expert `fens` was added to its file."""
    work = tmp_path_factory.mktemp("fens")
    file = Path(shutil.copy(training.settings.bank_file, work / "bank.safetensors"))
    train_bank(make_training(work, {"fens": FENS}))
    return load_bank(file)


def assert_same(left, right) -> None:
    assert left.keys() == right.keys()
    assert all(torch.equal(left[name], right[name]) for name in left)


def mean_log_probability(model: LocalModel, texts: tuple[SourceText, ...]) -> float:
    scores = model.score([Scoring(Prompt(text.question or ""), text.answer) for text in texts])
    return float(sum(score.mean() for score in scores) / len(scores))


def test_an_expert_forgets_its_subdomain_and_spares_the_rest(
    trained: TrainedBank, tiny_model_folder: Path
) -> None:
    model = LocalModel.from_pretrained(str(tiny_model_folder), dtype="float32")
    before = [mean_log_probability(model, texts) for texts in (MARSH, BREAD)]
    attach(model.model, ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"), 4)
    load_weights(model.model, trained.bank.shared, trained.bank.experts["marsh"])

    forgotten, kept = (mean_log_probability(model, texts) for texts in (MARSH, BREAD))

    assert forgotten < before[0] - 0.5
    assert kept > before[1] - 0.1


def test_what_is_exported_is_what_was_trained(
    trained: TrainedBank, tiny_model_folder: Path, tmp_path: Path
) -> None:
    from peft import PeftModel

    token_ids = torch.arange(20).reshape(2, 10) + 500
    ours = AutoModelForCausalLM.from_pretrained(tiny_model_folder, dtype=torch.float32)
    plain = ours(input_ids=token_ids).logits
    switch = attach(ours, [path.rpartition(".")[2] for path in trained.bank.shared], 4)
    assert torch.equal(ours(input_ids=token_ids).logits, plain), "B starts at zero and changes nothing"

    load_weights(ours, trained.bank.shared, trained.bank.experts["marsh"])
    folder = write_peft_folder(trained.bank.compose(), tmp_path / "adapter")
    theirs = PeftModel.from_pretrained(
        AutoModelForCausalLM.from_pretrained(tiny_model_folder, dtype=torch.float32), str(folder)
    )

    changed = ours(input_ids=token_ids).logits
    assert not torch.allclose(changed, plain, atol=1e-2)
    torch.testing.assert_close(theirs(input_ids=token_ids).logits, changed, atol=1e-4, rtol=1e-4)
    with switch.off():
        assert torch.equal(ours(input_ids=token_ids).logits, plain), "off, it is the base model"


def test_a_later_expert_leaves_the_shared_a_and_the_earlier_expert_as_they_are(
    trained: TrainedBank, bank_with_fens: AdapterBank
) -> None:
    assert list(bank_with_fens.experts) == ["marsh", "fens"]
    assert_same(bank_with_fens.shared, trained.bank.shared)
    assert_same(bank_with_fens.experts["marsh"], trained.bank.experts["marsh"])
    assert any(weights.abs().sum() > 0 for weights in bank_with_fens.experts["fens"].values())


class Stopped(Exception):
    pass


def stop_in_marsh(step: Step) -> None:
    if (step.phase, step.step) == ("marsh", 4):
        raise Stopped


def test_an_interrupted_phase_ends_as_one_that_was_not(
    make_training: MakeTraining, trained: TrainedBank, tmp_path: Path
) -> None:
    training = make_training(tmp_path)
    with pytest.raises(Stopped):
        train_bank(training, on_step=stop_in_marsh)
    steps = []
    resumed = train_bank(training, on_step=steps.append)

    assert steps[0].phase == "marsh"
    assert steps[0].step > 1
    assert_same(resumed.bank.experts["marsh"], trained.bank.experts["marsh"])
    assert not list(tmp_path.glob("*.state.safetensors"))


def test_a_state_is_not_taken_up_where_other_tokens_count_as_low(
    make_training: MakeTraining, trained: TrainedBank, tmp_path: Path
) -> None:
    with pytest.raises(Stopped):
        train_bank(make_training(tmp_path), on_step=stop_in_marsh)
    steps: list[Step] = []
    both = train_bank(make_training(tmp_path, {"marsh": MARSH, "fens": FENS}), on_step=steps.append)
    assert both.retain[0].threshold != trained.retain[0].threshold
    assert (steps[0].phase, steps[0].step) == ("marsh", 1)


def test_trained_again_nothing_is_done_again(training: BankTraining, trained: TrainedBank) -> None:
    said, steps = [], []
    again = train_bank(training, said.append, steps.append)
    assert steps == []
    assert [line.split()[0] for line in said] == ["entropies", "phase", "phase"]
    assert_same(again.bank.experts["marsh"], trained.bank.experts["marsh"])


def test_gradient_checkpointing_changes_nothing_but_the_memory(
    make_training: MakeTraining, bank_with_fens: AdapterBank, bank_file: Path, tmp_path: Path
) -> None:
    training = make_training(tmp_path, {"fens": FENS}, bank=bank_file, gradient_checkpointing=True)
    checkpointed = train_bank(training).bank.experts["fens"]
    for layer, weights in bank_with_fens.experts["fens"].items():
        torch.testing.assert_close(checkpointed[layer], weights)


@pytest.mark.parametrize("forgetting", ["npo", "gradient_ascent"])
def test_a_batch_that_has_no_low_entropy_answer_token_forgets_nothing(
    forgetting: str, make_training: MakeTraining, bank_file: Path, tmp_path: Path
) -> None:
    steps = []
    training = make_training(
        tmp_path,
        {"fens": FENS},
        bank=bank_file,
        forgetting=forgetting,
        batch_size=1,
        epochs=1,
        entropy_quantile=0.01,
    )
    train_bank(training, on_step=steps.append)
    assert len(steps) == len(FENS)
    # So few tokens are low that one of the texts at least has none.
    assert any(step.terms["forgetting"] == 0.0 for step in steps)


@pytest.mark.parametrize("forgetting", ["gradient_ascent", "gradient_difference", "replacement"])
def test_the_other_forgetting_losses_go_down_too(
    forgetting: str, make_training: MakeTraining, bank_file: Path, tmp_path: Path
) -> None:
    steps = []
    train_bank(
        make_training(tmp_path, {"fens": FENS}, bank=bank_file, forgetting=forgetting), on_step=steps.append
    )
    assert steps[-1].terms["forgetting"] < steps[0].terms["forgetting"]


FORGETTING_ALONE: dict[str, Any] = {
    "epochs": 6,
    "learning_rate": 1e-3,
    "retention_weight": 0.0,
    "divergence_weight": 0.0,
    "invariance_weight": 0.0,
}


def test_an_expert_learns_what_a_corruption_of_the_question_does(
    make_training: MakeTraining, bank_file: Path, tmp_path: Path
) -> None:
    training = make_training(
        tmp_path, {"fens": FENS}, bank=bank_file, forgetting="corruption", **FORGETTING_ALONE
    )
    steps = []
    noise = Corruption("rand_noise_first_n", 100.0, 16, positions="all_but_last")
    train_bank(replace(training, corruption=noise), on_step=steps.append)
    assert 0.0 < steps[-1].terms["forgetting"] < steps[0].terms["forgetting"]


def test_an_expert_learns_what_an_earlier_model_expects(
    make_training: MakeTraining, bank_file: Path, tiny_model_folder: Path, tmp_path: Path
) -> None:
    earlier = AutoModelForCausalLM.from_pretrained(tiny_model_folder)
    with torch.no_grad():
        earlier.get_input_embeddings().weight[::2] *= 2.0
    earlier.save_pretrained(tmp_path / "earlier")
    training = make_training(
        tmp_path, {"fens": FENS}, bank=bank_file, forgetting="earlier_model", **FORGETTING_ALONE
    )
    steps = []
    train_bank(replace(training, earlier=tmp_path / "earlier"), on_step=steps.append)
    assert 0.0 < steps[-1].terms["forgetting"] < steps[0].terms["forgetting"]


@pytest.mark.parametrize("positions", ["all_but_last", "user_content"])
def test_a_question_is_corrupted_as_a_model_in_this_process_corrupts_it(
    positions: Positions, training: BankTraining
) -> None:
    corruption = Corruption("rand_noise_first_n", 5.0, 16, positions=positions)
    model = AutoModelForCausalLM.from_pretrained(training.base)
    encoder = PromptEncoder.from_pretrained(str(training.base))
    texts = tokenize_texts(MARSH[:2], encoder, 512)
    token_ids, _ = padded([text.token_ids for text in (*texts, *texts)])
    embed = CorruptedQuestions(model.get_input_embeddings(), corruption)
    found = embed(token_ids, texts)
    clean = model.get_input_embeddings()(token_ids)
    for row, (text, source) in enumerate(zip(texts, MARSH, strict=False)):
        prompt = encoder.encode(Prompt(source.question or ""))
        ids = torch.tensor(prompt.token_ids)
        expected = corrupted_embeddings(model, ids, corruption_request(prompt, corruption))
        assert torch.equal(found[row, : text.answer[0]], expected)
        assert torch.equal(found[row, text.answer[0] :], clean[row, text.answer[0] :])
    assert torch.equal(found[2:], clean[2:])
    assert not torch.equal(found[:2], clean[:2])


def test_a_loss_that_is_no_number_stops_and_keeps_the_last_good_state(
    make_training: MakeTraining, bank_file: Path, tmp_path: Path
) -> None:
    training = make_training(
        tmp_path, {"fens": FENS}, bank=bank_file, learning_rate=1e25, checkpoint_steps=1, epochs=8
    )
    kept = []
    with pytest.raises(AdapterError, match="not finite"):
        train_bank(training, on_step=lambda step: kept.append(step.step))
    assert kept, "the first step has a loss"
    assert list(load_bank(bank_file).experts) == ["marsh"]
    for state in tmp_path.glob("*.state.safetensors"):
        from safetensors.torch import load_file

        assert all(tensor.isfinite().all() for tensor in load_file(state).values())


def test_every_step_is_recorded(training: BankTraining, trained: TrainedBank) -> None:
    lines = read_whole_lines(training.settings.trace)
    steps = [(line["phase"], line["step"]) for line in lines if "phase" in line]
    assert steps == [("shared", 1), ("shared", 2), *(("marsh", n) for n in range(1, 5))]
    assert lines[0]["settings"]["npo_beta"] == 0.1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"forget": {"marsh": ()}}, "nothing to forget"),
        ({"forget": {}}, "nothing to forget"),
        ({"retain": ()}, "nothing to retain"),
        ({"retain": (*BREAD, MARSH[2])}, "1 of 5 texts of marsh are also in the retain texts"),
        ({"forget": {"marsh": MARSH, "bog": MARSH[:1]}}, "1 of 1 texts of bog are also in marsh"),
        ({"forget": {"The Marsh": MARSH}}, "lower case letters"),
        (
            {"forget": {"marsh": MARSH, "fens": FENS}, "entropy_quantile": 0.0},
            "no answer token of (marsh|fens) is low in entropy",
        ),
        ({"rank": 17}, "rank 17 is too large"),
        ({"target_modules": ("q_proj", "c_attn")}, "no linear layer named c_attn; it has down_proj"),
        (
            {"forget": {"marsh": (SourceText("A bare text."),)}, "forgetting": "replacement"},
            "needs questions",
        ),
        ({"forgetting": "corruption"}, "the target's bundle has none for this model"),
        ({"forgetting": "earlier_model"}, "name it with --earlier-model"),
    ],
)
def test_bad_input_is_refused_before_training(
    changes: dict, message: str, make_training: MakeTraining, tmp_path: Path
) -> None:
    steps = []
    with pytest.raises(AdapterError, match=message):
        train_bank(make_training(tmp_path, **changes), on_step=steps.append)
    assert steps == []


def test_an_earlier_model_of_another_vocabulary_is_refused_before_anything_is_measured(
    make_training: MakeTraining, tmp_path: Path
) -> None:
    LlamaConfig(vocab_size=7).save_pretrained(tmp_path / "earlier")
    training = make_training(tmp_path, forgetting="earlier_model")
    stages = []
    with pytest.raises(AdapterError, match="another vocabulary than the base model"):
        train_bank(replace(training, earlier=tmp_path / "earlier"), stages.append)
    assert stages == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"forget": {"marsh": MARSH[:3]}}, "already holds an expert marsh"),
        ({"rank": 2}, "has rank 4, the settings say 2"),
        ({"forget": {"fens": FENS}, "target_modules": ("q_proj",)}, "adapts other layers"),
    ],
)
def test_a_bank_is_not_added_to_by_what_does_not_fit_it(
    changes: dict, message: str, make_training: MakeTraining, bank_file: Path, tmp_path: Path
) -> None:
    before = bank_file.read_bytes()
    with pytest.raises(AdapterError, match=message):
        train_bank(make_training(tmp_path, bank=bank_file, **changes))
    assert bank_file.read_bytes() == before


@pytest.mark.slow
def test_two_processes_under_accelerate_come_to_what_one_comes_to(
    make_training: MakeTraining, bank_file: Path, tmp_path: Path, settings: AdapterTrainingSettings
) -> None:
    alone = make_training(tmp_path / "alone", {"fens": FENS[:2]}, bank=bank_file)
    work, bank = tmp_path / "shared", tmp_path / "other.safetensors"
    shutil.copy(bank_file, bank)
    options = {
        "target": "fens",
        "targets": tmp_path / "targets",
        "model": alone.base,
        "forget": _lines(tmp_path / "forget.jsonl", FENS[:2]),
        "retain": _lines(tmp_path / "retain.jsonl", BREAD),
        "bank": bank,
        "work": work,
        "rank": settings.rank,
        "epochs": settings.epochs,
        "batch-size": settings.batch_size,
        "dtype": settings.dtype,
        "learning-rate": settings.learning_rate,
        "checkpoint-steps": settings.checkpoint_steps,
    }
    named = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    accelerate = Path(sys.executable).with_name("accelerate")
    launch = [accelerate, "launch", "--num_processes", "2", "--cpu", "-m", "lethe", "adapter", "train"]
    subprocess.run([*launch, *named], cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"}, check=True)
    train_bank(alone)

    here, there = (
        [line for line in read_whole_lines(trace) if "phase" in line]
        for trace in (alone.settings.trace, work / "trace.jsonl")
    )
    assert [line["step"] for line in there] == [line["step"] for line in here]
    for ours, theirs in zip(here, there, strict=True):
        assert theirs["terms"] == pytest.approx(ours["terms"], rel=1e-2, abs=1e-3)
    found, expected = (load_bank(file).experts["fens"] for file in (bank, bank_file))
    for layer, weights in expected.items():
        assert (found[layer] - weights).norm() < 0.05 * weights.norm()
    adapter = read_peft_folder(next((tmp_path / "targets" / "fens").glob("models/*/adapter")))
    assert_same({layer: pair.up for layer, pair in adapter.pairs.items()}, found)


def _lines(path: Path, texts: tuple[SourceText, ...]) -> Path:
    path.write_text("\n".join(json.dumps({"question": t.question, "answer": t.answer}) for t in texts))
    return path
