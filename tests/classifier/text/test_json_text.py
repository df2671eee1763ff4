"""JSON is read as every template may print it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lethe.classifier.text.json_text import argument_readings, json_readings, value_readings

STRINGS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@given(STRINGS)
def test_a_string_is_read_as_it_is(text: str) -> None:
    assert f'{{"q": "{text}"}}' in value_readings({"q": text})


@given(STRINGS)
def test_a_string_is_read_as_it_is_however_json_writes_it(text: str) -> None:
    assert json_readings(json.dumps(text, ensure_ascii=True))[0] == f'"{text}"'


def test_json_without_escapes_has_one_reading() -> None:
    assert value_readings({"a": ["b", 1, None]}) == ['{"a": ["b", 1, null]}']
    assert argument_readings('{"a":"b"}') == ['{"a":"b"}']


def test_a_word_that_an_escape_begins_is_read_where_json_is_printed_as_it_is() -> None:
    readings = value_readings({"q": "who is " + "x" * 400 + "\neville? " + "y" * 400 + " and \ron"})
    assert len(readings) == 2
    assert "\\neville" in readings[1]
    assert "\\ron" in readings[1]
    assert len(readings[1]) < len(readings[0])


def test_escapes_that_begin_no_word_have_one_reading() -> None:
    assert value_readings("def f():\n    return 1\n\n") == ['"def f():\n    return 1\n\n"']


@pytest.mark.parametrize("arguments", ["C:\\new", "{\\n", "\\" * 3, "[" * 100_000 + "\\n"])
def test_arguments_that_are_no_json_are_read_as_they_are(arguments: str) -> None:
    assert argument_readings(arguments) == [arguments]


@given(st.recursive(STRINGS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(STRINGS, inner)))
def test_all_strings_of_a_value_are_in_its_plain_reading(value: Any) -> None:
    def leaves(value: Any) -> list[str]:
        if isinstance(value, str):
            return [value]
        within = [*value, *value.values()] if isinstance(value, dict) else value
        return [leaf for each in within for leaf in leaves(each)]

    plain = value_readings(value)[0]
    assert all(leaf in plain for leaf in leaves(value))
