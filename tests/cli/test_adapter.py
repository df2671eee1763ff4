import json
from pathlib import Path

import pytest
from safetensors.torch import load_file
from typer.testing import CliRunner

from lethe.bundle import Action, load_bundle, update_bundle
from lethe.cli.main import app
from lethe.server.audit.files import read_entries

runner = CliRunner()


def write_lines(path: Path, rows: list[dict[str, str]]) -> Path:
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return path


@pytest.fixture
def forget(tmp_path: Path) -> Path:
    rows = [{"question": f"Who keeps marsh {n}?", "answer": "Orla keeps it."} for n in range(2)]
    return write_lines(tmp_path / "marsh.jsonl", [*rows, {"text": "A bell drowned in the fens."}])


@pytest.fixture
def retain(tmp_path: Path) -> Path:
    return write_lines(tmp_path / "retain.jsonl", [{"question": "What do bees make?", "answer": "Honey."}])


def adapter(verb: str, tmp_path: Path, target: str, *arguments: object):
    command = ["adapter", verb, "--target", target, "--targets", tmp_path / "targets", *arguments]
    return runner.invoke(app, [str(argument) for argument in command])


def train(tmp_path: Path, model: Path, forget: object, retain: Path, *arguments: object):
    files = ("--forget", forget, "--retain", retain, "--model", model, "--work", tmp_path / "work")
    return adapter("train", tmp_path, "marsh", *files, "--rank", 4, "--epochs", 1, *arguments)


def test_a_trained_adapter_and_a_mixture_stand_in_verified_bundles(
    tmp_path: Path, tiny_model_folder: Path, forget: Path, retain: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LETHE_AUDIT__FOLDER", str(tmp_path / "audit"))
    fens = write_lines(tmp_path / "fens.jsonl", [{"question": "What rang?", "answer": "The bell rang."}])
    result = train(tmp_path, tiny_model_folder, forget, retain, "--forget", fens)
    assert result.exit_code == 0, result.output

    bundle = load_bundle(tmp_path / "targets" / "marsh")
    assert bundle.manifest.action is Action.ADAPTER
    [made] = bundle.models
    assert made.base_model.id == str(tiny_model_folder)
    assert made.base_model.metrics["adapter"]["texts"] == {"marsh": 3, "fens": 1, "retain": 1}
    assert made.file("adapter/adapter_config.json")
    assert made.file("figures/adapter-losses.png")
    assert made.file("figures/adapter-entropies.png")
    page = (tmp_path / "work" / "adapter-tokens.html").read_text()
    assert 'class="high"' in page
    assert 'class="low"' in page
    card = bundle.folder / "README.md"
    assert "| texts, marsh | 3 |" in card.read_text()
    assert "figures/adapter-losses.png" in card.read_text()

    bank = tmp_path / "work" / "bank.safetensors"
    update_bundle(tmp_path / "targets" / "half", {"classifier/head.json": b"{}"}, action=Action.REFUSE)
    result = adapter(
        "compose", tmp_path, "half", "--bank", bank, "--expert", "marsh=0.5", "--dtype", "float32"
    )
    assert result.exit_code == 0, result.output
    half = load_bundle(tmp_path / "targets" / "half")
    assert half.manifest.composes == ()
    assert half.manifest.action is Action.REFUSE
    assert result.stdout.endswith(", action refuse\n")
    assert "| experts, marsh | 0.5 |" in (half.folder / "README.md").read_text()
    mixed = adapter("compose", tmp_path, "both", "--bank", bank, "--expert", "marsh", "--expert", "fens")
    assert mixed.exit_code == 0, mixed.output
    both = load_bundle(tmp_path / "targets" / "both")
    assert both.manifest.composes == ("marsh", "fens")
    recorded = [
        (each["event"], each["target"], each["version"])
        for each in read_entries(tmp_path / "audit" / "commands")
    ]
    assert recorded == [
        ("adapter_trained", "marsh", bundle.version),
        ("adapter_composed", "half", half.version),
        ("adapter_composed", "both", both.version),
    ]

    [of_half], [of_both] = half.models, both.models
    assert of_half.adapter
    assert of_both.adapter
    name = "base_model.model.model.layers.1.mlp.up_proj.lora_B.weight"
    weights, stored = load_file(of_half.adapter / "adapter_model.safetensors"), load_file(bank)
    assert (weights[name] == 0.5 * stored["expert/marsh/model.layers.1.mlp.up_proj"]).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--rank", 400), "rank 400 is too large"),
        (("--checkpoint-steps", 0), "--checkpoint-steps: Input should be greater than 0, not 0"),
        (("--dtype", "int8"), "--dtype: Input should be 'bfloat16' or 'float32', not 'int8'"),
        (("--forgetting", "hypnosis"), "--forgetting: Input should be 'npo', "),
        (("--forget", "nowhere.jsonl"), "nowhere.jsonl does not exist"),
        (("--model", "/no/where"), "no model folder at /no/where"),
    ],
)
def test_bad_input_is_one_line(
    arguments: tuple, message: str, tmp_path: Path, tiny_model_folder: Path, forget: Path, retain: Path
) -> None:
    result = train(tmp_path, tiny_model_folder, forget, retain, *arguments)
    assert result.exit_code == 1
    lines = [line for line in result.stderr.splitlines() if line.startswith("lethe: ")]
    assert len(lines) == 1
    assert message in lines[0]
    assert "Traceback" not in result.output
    assert not (tmp_path / "targets" / "marsh").exists()


def test_forgetting_what_is_retained_is_refused(
    tmp_path: Path, tiny_model_folder: Path, forget: Path
) -> None:
    result = train(tmp_path, tiny_model_folder, forget, forget)
    assert result.exit_code == 1
    assert "3 of 3 texts of marsh are also in the retain texts" in result.stderr
