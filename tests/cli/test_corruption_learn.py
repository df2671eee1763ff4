import json
import shutil

import pytest
from typer.testing import CliRunner

from lethe.bundle import Action, BaseModel, Made, load_bundle, read_base_model, update_bundle
from lethe.cli.main import app
from lethe.corruption.artifact import Corruption, load_corruption, save_corruption
from lethe.server.audit.files import read_entries
from tests.offline.language_models.json_server import JsonHandler, serving

runner = CliRunner()


@pytest.fixture
def questions(tmp_path):
    path = tmp_path / "questions.jsonl"
    rows = [{"question": f"Who keeps marsh {n}?", "answer": "Orla", "facts": ["Orla"]} for n in range(4)]
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return path


@pytest.fixture
def retain_prompts(tmp_path):
    path = tmp_path / "retain.jsonl"
    path.write_text('{"text": "What is a lamp?"}\n')
    return path


def learn(tmp_path, questions, *arguments):
    command = ["corruption", "learn", "--target", "marsh", "--targets", str(tmp_path / "targets")]
    return runner.invoke(app, [*command, "--questions", str(questions), *arguments])


def test_a_learned_corruption_stands_in_a_verified_bundle(
    tmp_path, questions, retain_prompts, tiny_model_folder, monkeypatch
):
    monkeypatch.setenv("LETHE_AUDIT__FOLDER", str(tmp_path / "audit"))
    arguments = [
        "--model",
        str(tiny_model_folder),
        "--retain-prompts",
        str(retain_prompts),
        "--max-tokens",
        "4",
    ]
    search = [
        "--function",
        "rand_noise_first_n",
        "--dims",
        "2",
        "--strength",
        "1",
        "--strength",
        "9",
        "--steps",
        "0",
    ]
    result = learn(tmp_path, questions, *arguments, *search)
    assert result.exit_code == 0, result.output
    bundle = load_bundle(tmp_path / "targets" / "marsh")
    [made] = bundle.models
    figures = made.base_model.metrics["corruption"]
    assert made.corruption
    corruption = load_corruption(made.corruption)
    assert corruption.function == figures["function"] == "rand_noise_first_n"
    assert corruption.strength in (1.0, 9.0)
    assert figures["held_out"]["clean"]["questions"] == 2
    assert made.base_model.hidden_size == 32
    assert made.file("figures/corruption.png")
    [entry] = read_entries(tmp_path / "audit" / "commands")
    assert (entry["event"], entry["target"], entry["version"]) == (
        "corruption_learned",
        "marsh",
        bundle.version,
    )
    assert "`rand_noise_first_n` on 2 dimensions" in (bundle.folder / "README.md").read_text()


def test_a_corruption_that_hides_little_says_so(tmp_path, questions, tiny_model_folder):
    strengths = ["--strength", "0.001", "--strength", "0.002"]
    search = ["--function", "rand_noise_first_n", "--dims", "1", *strengths, "--steps", "0"]
    measured = ["--metric", "probability", "--surrogate", "probability=0", "--max-tokens", "4"]
    result = learn(tmp_path, questions, "--model", str(tiny_model_folder), *measured, *search)
    assert result.exit_code == 0, result.output
    assert "100% is left. This hides little" in " ".join(result.output.split())
    [made] = load_bundle(tmp_path / "targets" / "marsh").models
    assert made.base_model.metrics["corruption"]["left"] == pytest.approx(1.0, abs=0.01)


@pytest.fixture
def base_model_folder(tmp_path, tiny_model_folder):
    """A model whose tokenizer has no chat template, as base models have none."""
    folder = shutil.copytree(tiny_model_folder, tmp_path / "base")
    (folder / "chat_template.jinja").unlink()
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    settings.pop("chat_template", None)
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return folder


def test_a_base_model_without_a_chat_template_is_asked_raw_text(
    tmp_path, questions, retain_prompts, base_model_folder
):
    arguments = ["--model", str(base_model_folder), "--retain-prompts", str(retain_prompts), *QUICK]
    refused = learn(tmp_path, questions, *arguments)
    assert refused.exit_code == 1
    [line] = [line for line in refused.output.splitlines() if line.startswith("lethe: ")]
    assert "has no chat template" in line
    assert "--raw" in line
    learned = learn(tmp_path, questions, *arguments, "--raw")
    assert learned.exit_code == 0, learned.output
    assert load_bundle(tmp_path / "targets" / "marsh").models[0].corruption


def test_a_base_model_is_asked_by_a_template_of_a_file_and_each_has_a_record_of_its_own(
    tmp_path, questions, retain_prompts, base_model_folder
):
    template = tmp_path / "questions.jinja"
    template.write_text("Question: {{ messages[0].content }}\nAnswer:")
    arguments = ["--model", str(base_model_folder), "--retain-prompts", str(retain_prompts), *QUICK]
    arguments += ["--chat-template", str(template)]
    learned = learn(tmp_path, questions, *arguments)
    assert learned.exit_code == 0, learned.output
    assert load_bundle(tmp_path / "targets" / "marsh").models[0].corruption
    template.write_text("Q: {{ messages[0].content }}\nA:")
    other = learn(tmp_path, questions, *arguments)
    assert other.exit_code == 1
    assert "records a search on another model, questions or metrics" in other.output


def engine_that_loaded(root):
    """A server that stands for an engine, to which corrupted prompts are less likely and get another answer."""

    class Engine(JsonHandler):
        def do_GET(self):
            self.answer({"data": [{"id": "org/tiny", "root": str(root)}]})

        def do_POST(self):
            body = self.body()
            corrupted = "vllm_xargs" in body
            steps = [{str(token): {"logprob": -3.0 if corrupted else -1.0}} for token in body["prompt"][1:]]
            text = "Nobody does." if corrupted else "Orla does."
            self.answer({"choices": [{"text": text, "prompt_logprobs": [None, *steps]}]})

    return serving(Engine)


QUICK = ["--function", "flip_sign_top_k", "--dims", "2", "--steps", "0", "--max-tokens", "4"]


@pytest.mark.parametrize(
    ("before", "after"), [(Action.OBSERVE, Action.CORRUPT), (Action.REFUSE, Action.REFUSE)]
)
def test_a_target_that_could_only_observe_corrupts_from_now_on(
    tmp_path, questions, retain_prompts, tiny_model_folder, before, after
):
    update_bundle(tmp_path / "targets" / "marsh", {"classifier/head.json": b"{}"}, action=before)
    with engine_that_loaded(tiny_model_folder) as url:
        result = learn(tmp_path, questions, "--engine", url, "--retain-prompts", str(retain_prompts), *QUICK)
    assert result.exit_code == 0, result.output
    manifest = load_bundle(tmp_path / "targets" / "marsh").manifest
    assert manifest.action is after
    assert result.stdout.endswith(f", action {after}\n")
    # The name that the engine serves it by, and not the folder that it loaded.
    [entry] = manifest.models
    assert entry.identity() == read_base_model(tiny_model_folder, "org/tiny")


def test_a_model_that_cannot_be_identified_is_refused_before_the_search(
    tmp_path, questions, retain_prompts, tiny_model_folder, monkeypatch
):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    named = ["--tokenizer", str(tiny_model_folder), "--retain-prompts", str(retain_prompts)]
    with engine_that_loaded("org/not-here") as url:
        result = learn(tmp_path, questions, "--engine", url, *named)
    assert result.exit_code == 1
    assert "the weights of org/tiny are not on this machine" in result.stderr
    assert not (tmp_path / "targets").exists()


@pytest.mark.parametrize("name", ["moon landings", "Apollo"])
@pytest.mark.parametrize(
    "command",
    [
        ("classifier", "train", "--forget", "f", "--retain", "r"),
        ("corruption", "learn", "--questions", "q"),
        ("adapter", "train", "--forget", "f", "--retain", "r", "--model", "m"),
        ("adapter", "compose", "--bank", "b", "--expert", "e"),
        ("classifier", "train", "--forget", "f", "--retain", "r", "--target", "x", "--output"),
        ("keys", "create", "--exempt"),
    ],
)
def test_a_name_that_no_target_can_have_is_refused_first(command, name):
    option = [] if command[-1] in ("--output", "--exempt") else ["--target"]
    result = runner.invoke(app, [*command, *option, name])
    assert result.exit_code == 1
    [line] = result.stderr.splitlines()
    assert f"cannot be named {name!r}" in line
    assert line.endswith("moon-landings would do" if " " in name else "apollo would do")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "/no/such/folder"], "no model folder at /no/such/folder"),
        (["--engine", "http://127.0.0.1:9"], "cannot be reached"),
        (["--surrogate", "leak_rate"], "--surrogate: a value is given as NAME=VALUE, not 'leak_rate'"),
        (["--function", "wish_away"], "--function: unknown corruption function 'wish_away'"),
        (["--deny-list", "/no/such/file"], "/no/such/file does not exist"),
        (["--deny-list", "QUESTIONS"], "questions.jsonl: not valid JSON"),
        (["--retain-prompts", "QUESTIONS"], "4 retain prompts are also forget questions"),
    ],
)
def test_bad_input_is_one_line_and_no_bundle(tmp_path, questions, arguments, message):
    arguments = [str(questions) if argument == "QUESTIONS" else argument for argument in arguments]
    result = learn(tmp_path, questions, *arguments)
    assert result.exit_code == 1
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "targets").exists()


def transfer(tmp_path, questions, *arguments):
    command = ["corruption", "transfer", "--target", "marsh", "--targets", str(tmp_path / "targets")]
    return runner.invoke(app, [*command, "--questions", str(questions), *arguments])


def test_a_corruption_is_carried_over_to_one_more_model(
    tmp_path, questions, retain_prompts, tiny_model_folder
):
    folder, file = tmp_path / "targets" / "marsh", tmp_path / "corruption.safetensors"
    save_corruption(Corruption("rand_noise_first_n", 3.0, 2), file)
    known = {"corruption": {"embedding_rms": 0.5}}
    update_bundle(folder, {}, Made(BaseModel("org/other", 8, "b" * 64), {file.name: file}, known))
    result = transfer(
        tmp_path,
        questions,
        *("--model", str(tiny_model_folder), "--retain-prompts", str(retain_prompts)),
        *("--max-tokens", "4", "--steps", "1"),
    )
    assert result.exit_code == 0, result.output
    assert "started from marsh for org/other\n" in result.stdout
    assert "6 candidates measured, where a whole search measures 30: 24 saved" in result.stdout
    other, mine = load_bundle(folder).models
    assert other.base_model.id == "org/other"
    assert mine.corruption
    found, figures = load_corruption(mine.corruption), mine.base_model.metrics["corruption"]
    assert (found.function, found.dims) == ("rand_noise_first_n", 2)
    assert figures["started_from"] == "marsh for org/other"
    assert figures["embedding_rms"] > 0
    assert "## Corruption for org/other" in (folder / "README.md").read_text()

    # A whole search goes on from what was measured.
    before = len(next(folder.parent.glob(".marsh-*-search.jsonl")).read_text().splitlines())
    learned = learn(
        tmp_path,
        questions,
        *("--model", str(tiny_model_folder), "--retain-prompts", str(retain_prompts), "--max-tokens", "4"),
        *("--function", "rand_noise_first_n", "--dims", "2", "--steps", "0", "--restarts", "1"),
        *("--strength", str(found.strength), "--positions", found.positions),
    )
    assert learned.exit_code == 0, learned.output
    assert len(next(folder.parent.glob(".marsh-*-search.jsonl")).read_text().splitlines()) == before


def test_without_anything_to_start_from_a_transfer_says_so(tmp_path, questions, tiny_model_folder):
    (tmp_path / "targets").mkdir()
    result = transfer(tmp_path, questions, "--model", str(tiny_model_folder), "--surrogate", "rouge_l=0.1")
    assert result.exit_code == 1
    assert "search from nothing with `lethe corruption learn`" in result.stderr


@pytest.mark.parametrize("verb", [learn, transfer])
def test_the_engine_of_a_proxy_here_is_looked_for(tmp_path, questions, monkeypatch, verb):
    monkeypatch.setenv("LETHE_CACHE_DIR", str(tmp_path))
    result = verb(tmp_path, questions, "--engine", "embedded")
    assert result.exit_code == 1
    assert "no lethe serve runs here as this user" in result.stderr
