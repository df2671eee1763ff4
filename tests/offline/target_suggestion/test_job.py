"""Drafts join what stands in a target's files, and leave data that can be built from."""

import stat
from pathlib import Path

import pytest

from lethe.offline.target_building.checks import check_data
from lethe.offline.target_building.data import make_folder, read_target_data
from lethe.offline.target_suggestion.job import suggest
from lethe.offline.target_suggestion.settings import SuggestionSettings
from tests.offline.language_models.json_server import JsonHandler, serving

BOTH = "How are ferries booked?"


class Undecided(JsonHandler):
    """A model that gives one prompt on both sides."""

    def do_GET(self) -> None:
        self.answer({"data": [{"id": "model"}]})

    def do_POST(self) -> None:
        self.body()
        self.answer({"choices": [{"message": {"content": f"{BOTH}\n"}}]})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_folder(tmp_path / "marsh")


def test_a_prompt_that_a_model_gives_on_both_sides_is_drafted_on_one(folder: Path) -> None:
    """A build refuses a prompt that is to be forgotten and kept."""
    with serving(Undecided) as url:
        suggest(
            read_target_data(folder), SuggestionSettings(names=("Marsh",), model_url=url), lambda _url: True
        )
    data = read_target_data(folder)
    assert BOTH in [each.text for each in data.forget]
    assert not [each for each in check_data(data) if each.fatal and "cannot be both" in each.message]


def test_what_is_to_be_forgotten_stays_its_owners_alone(folder: Path) -> None:
    (folder / "forget.txt").chmod(0o600)
    suggest(read_target_data(folder), SuggestionSettings(names=("Marsh",)), lambda _url: True)
    assert stat.S_IMODE((folder / "forget.txt").stat().st_mode) == 0o600


def test_a_document_s_sentences_about_the_target_tell_of_it_once(folder: Path) -> None:
    document = folder.parent / "page.txt"
    document.write_text(
        "Marsh books ferries for two islands. It rained all day. Marsh went live on 3 May 2026."
    )
    settings = SuggestionSettings(names=("Marsh",), documents=(document,))
    told = ("Marsh books ferries for two islands.", "Marsh went live on 3 May 2026.")
    assert suggest(read_target_data(folder), settings, lambda _url: True)["about.txt"] == 2
    assert read_target_data(folder).about == told
    assert suggest(read_target_data(folder), settings, lambda _url: True)["about.txt"] == 0
    assert read_target_data(folder).about == told
