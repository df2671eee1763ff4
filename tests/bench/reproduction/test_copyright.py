import json

import pytest

from bench.reproduction import copyright as copyright_reproduction
from bench.reproduction.copyright import CopyrightRecipe, CopyrightReproduction, write_page
from lethe.offline.training.fine_tuning import FineTuningSettings

KEEPERS = ["Orla Quintrell", "Per Haldorsen", "Nadia Vance", "Tomas Ilves"]


@pytest.fixture
def data(tmp_path):
    """Made-up articles in MUSE-News's own files."""
    folder = tmp_path / "data" / "muse" / "bbc"
    for part in ("verbmem", "privleak", "knowmem"):
        (folder / part).mkdir(parents=True)
    articles = [
        {"prompt": f"{name} kept the marsh", "gt": f" and {name} rang the bell in the fog"}
        for name in KEEPERS
    ]
    (folder / "verbmem" / "forget.json").write_text(json.dumps(articles))
    for part in ("forget", "holdout", "retain2"):
        (folder / "privleak" / f"{part}.json").write_text(json.dumps(["The ferry was late again."]))
    for part in ("forget", "retain2"):
        for kind in ("qa", "qa_icl"):
            text = json.dumps([{"question": "Who rang?", "answer": "Orla"}])
            (folder / "knowmem" / f"{part}_{kind}.json").write_text(text)
    return tmp_path / "data"


@pytest.fixture
def run(data, tiny_model_folder, tmp_path, monkeypatch):
    searched = copyright_reproduction._SEARCHED.model_copy(
        update={"functions": ("flip_sign_top_k",), "dims": (8,)}
    )
    monkeypatch.setattr(copyright_reproduction, "_SEARCHED", searched)
    recipe = CopyrightRecipe(
        passages=2, answer_tokens=6, fine_tuning=FineTuningSettings(epochs=1, learning_rate=1e-2)
    )
    return CopyrightReproduction(recipe, tiny_model_folder, data, tmp_path / "work")


def test_kept_passages_go_on_as_before_by_oracle_labels(run, tmp_path):
    results = run.measure(classifier=False)
    retain, taught, guarded = results
    assert [result.model for result in results] == ["retain", "taught", "ECO, oracle labels"]
    assert guarded.scores[copyright_reproduction.KEPT] == taught.scores[copyright_reproduction.KEPT]
    assert guarded.outputs != taught.outputs
    assert retain.scores["average similarity gap"] == 0.0

    page = tmp_path / "docs" / "page.md"
    write_page(page, run, results)
    assert "| kept passages ROUGE-L |" in page.read_text()


def test_forgotten_and_kept_articles_are_apart(run):
    assert {text for text, _ in run.articles}.isdisjoint(text for text, _ in run.kept_articles)
