"""The settings in the page for operators are those of the proxy, with what each is and its default."""

import re
from pathlib import Path

import yaml

from docs.write_settings import PAGE, settings_block, with_settings
from lethe.server.settings.loading import load_settings


def test_the_page_is_what_would_be_written_now() -> None:
    assert PAGE.read_text() == with_settings(PAGE.read_text()), "make settings-reference"


def test_taken_as_it_stands_it_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "lethe.yaml"
    file.write_text(settings_block())
    assert load_settings(file).model_dump() == load_settings().model_dump()


def test_every_example_is_accepted(tmp_path: Path) -> None:
    examples = re.sub(r"^( *)#(?=\w)", r"\1", settings_block(), flags=re.MULTILINE)
    file = tmp_path / "lethe.yaml"
    file.write_text(examples)
    settings = load_settings(file)
    assert settings.engine.adapters.slots == 4
    assert yaml.safe_load(examples).keys() == type(settings).model_fields.keys()


def test_what_is_said_of_several_settings_stands_once_above_the_first() -> None:
    said = "# How long a client may take to send its head, and its body.\n  header_timeout_s: 20\n  body_timeout_s: 60\n"
    assert settings_block().count(said) == 1


def test_values_that_are_to_be_chosen_from_are_named() -> None:
    assert (
        "JSON, one object a line on standard output. One of text, json.\nlog_format: text\n"
        in settings_block()
    )
