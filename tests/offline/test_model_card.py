import pytest

from lethe.bundle import BaseModel, BundleError, Made, load_bundle, update_bundle
from lethe.corruption.artifact import Corruption, save_corruption
from lethe.offline.model_card import write_card
from lethe.offline.recording import record


@pytest.fixture
def bundle(tmp_path):
    artifact = tmp_path / "corruption.safetensors"
    save_corruption(Corruption("rand_noise_first_n", 7.25, 3, positions="user_content"), artifact)
    measured = {
        "corruption": {
            "held_out": {"clean": {"leak_rate": 0.40625}, "corrupted": {"leak_rate": 0.0}},
            "compared": [{"function": "shuffle", "distance": 0.123456}],
        },
    }
    made = Made(BaseModel("org/a", 8, "a" * 64), {"corruption.safetensors": artifact}, measured)
    metrics = {"notes": {"hostile": "a | b <script>alert(1)</script>"}}
    files = {"figures/search.png": b"\x89PNG not really"}
    update_bundle(tmp_path / "marsh", files, made, description="What keeps the marsh.", metrics=metrics)
    return tmp_path / "marsh"


def test_the_card_says_what_was_measured(bundle):
    write_card(bundle)
    card = (bundle / "README.md").read_text()
    assert card.startswith("---\ntags:\n")
    assert "What keeps the marsh." in card
    assert (
        "`rand_noise_first_n` on 3 dimensions of the tokens that `user_content` selects, strength 7.25"
        in card
    )
    assert "| held out, clean, leak rate | 0.4062 |" in card
    assert "| compared 1 | function shuffle, distance 0.1235 |" in card
    assert "![figures/search.png](figures/search.png)" in card


def test_the_page_stands_alone_and_runs_nothing(bundle):
    write_card(bundle)
    page = (bundle / "report.html").read_text()
    assert "data:image/png;base64," in page
    assert "<script>" not in page
    assert "<td>0.4062</td>" in page


def test_the_bundle_stays_whole_and_the_report_can_be_made_again(bundle):
    first = write_card(bundle)
    again = write_card(bundle)
    assert load_bundle(bundle).version == first.version == again.version


def test_a_folder_that_is_no_bundle_is_refused(tmp_path):
    with pytest.raises(BundleError, match="is not a bundle"):
        write_card(tmp_path)


def test_what_is_recorded_stands_on_the_card_at_once(bundle):
    write_card(bundle)
    recorded = record(bundle, {"figures/more.png": b"\x89PNG"}, metrics={"adapter": {"rank": 8}})
    card = (bundle / "README.md").read_text()
    assert "| rank | 8 |" in card
    assert "| held out, clean, leak rate | 0.4062 |" in card
    assert "![figures/more.png](figures/more.png)" in card
    assert load_bundle(bundle) == recorded


def test_the_card_tells_of_each_model(bundle, tmp_path):
    made = Made(
        BaseModel("org/b", 16, "b" * 64),
        {"corruption.safetensors": tmp_path / "corruption.safetensors"},
        {"corruption": {"distance": 0.25}},
    )
    record(bundle, {}, made)
    card = (bundle / "README.md").read_text()
    assert 'base_model:\n- "org/a"\n- "org/b"\n---' in card
    assert "| base model | org/a, 8 dimensions, embeddings `aaaaaaaaaaaa` |\n| base model | org/b, 16" in card
    assert "## Corruption for org/a" in card
    assert "## Measured: corruption for org/b\n\n| figure | value |\n|---|---|\n| distance | 0.25 |" in card
