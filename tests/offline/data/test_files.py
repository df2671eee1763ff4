import gzip
import json
from pathlib import Path

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lethe.offline.data.files import (
    DataError,
    read_csv,
    read_csv_rows,
    read_json_lines,
    read_json_list,
    read_objects,
    read_parquet,
    read_text,
    read_toml,
)

READERS = (read_text, read_json_lines, read_json_list, read_csv, read_csv_rows, read_parquet)


class Keeper(pydantic.BaseModel):
    name: str = pydantic.Field(min_length=1)
    bells: int = 1


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "data"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@given(st.lists(st.text(), min_size=1))
def test_json_lines_are_read_as_they_were_written(tmp_path_factory, values):
    lines = "\n".join(json.dumps(value, ensure_ascii=False) for value in values)
    assert read_json_lines(written(tmp_path_factory.mktemp("lines"), lines)) == values


def test_a_line_may_hold_what_ends_lines_elsewhere(tmp_path):
    path = written(tmp_path, '{"name": "Orla\u2028of the fens"}\r\n\r\n{"name": "Nadia", "bells": 2}\r\n')
    assert read_objects(path, Keeper) == (Keeper(name="Orla\u2028of the fens"), Keeper(name="Nadia", bells=2))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"data is empty; give one JSON value a line$"),
        ('\n{"name": "Orla"}\n{broken\n', r"data, line 3: not valid JSON: "),
        ('{"name": "Orla"}\n\n["Orla"]', r'data, line 3: expected an object, not \["Orla"\]$'),
        ('{"name": ""}', r"data, line 1: name: String should have at least 1 character, not ''$"),
        ('{"name": "Orla", "bells": "many"}', r"data, line 1: bells: Input should be a valid integer"),
    ],
)
def test_what_is_wrong_is_told_with_the_line_and_the_field(tmp_path, content, message):
    with pytest.raises(DataError, match=message):
        read_objects(written(tmp_path, content), Keeper)


@pytest.mark.parametrize("read", READERS)
def test_a_file_that_is_not_there_is_told_by_its_path(tmp_path, read):
    with pytest.raises(DataError, match=rf"{tmp_path}/none"):
        read(tmp_path / "none")


@pytest.mark.parametrize("read", READERS)
def test_a_file_of_another_kind_is_refused(tmp_path, read):
    with pytest.raises(DataError, match=rf"{tmp_path}/data"):
        read(written(tmp_path, b"\xff\xfe\x00"))


@pytest.mark.parametrize(
    ("read", "content"),
    [(read_json_lines, "\n \n"), (read_json_list, "[]"), (read_csv, "name\n"), (read_csv_rows, "")],
)
def test_a_file_without_a_row_is_refused(tmp_path, read, content):
    with pytest.raises(DataError, match="data is empty"):
        read(written(tmp_path, content))


def test_a_compressed_file_stands_in_for_one_that_is_not_there(tmp_path):
    (tmp_path / "data.gz").write_bytes(gzip.compress(b"compressed"))
    assert read_text(tmp_path / "data") == read_text(tmp_path / "data.gz") == "compressed"
    assert read_text(written(tmp_path, "plain")) == "plain"


def test_a_compressed_file_that_was_cut_short_is_refused(tmp_path):
    (tmp_path / "data.gz").write_bytes(gzip.compress(b"compressed")[:-9])
    with pytest.raises(DataError, match="cannot be read"):
        read_text(tmp_path / "data")


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path):
    assert read_json_lines(written(tmp_path, b'\xef\xbb\xbf{"name": "Orla"}')) == [{"name": "Orla"}]


def test_a_table_is_read_by_its_columns(tmp_path):
    path = written(tmp_path, 'name,says\nOrla,"two\nlines"\n\nNadia,one\n')
    assert read_csv(path) == [{"name": "Orla", "says": "two\nlines"}, {"name": "Nadia", "says": "one"}]


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_a_table_may_be_written_with_what_spreadsheets_put_in_place_of_commas(tmp_path, delimiter):
    content = f"name{delimiter}says\nOrla{delimiter}one, two\n"
    assert read_csv(written(tmp_path, content)) == [{"name": "Orla", "says": "one, two"}]
    assert read_csv(written(tmp_path, "name\none; two, three\n")) == [{"name": "one; two"}]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("Orla\n".encode("utf-16"), r"data, line 1: no UTF-8 text but UTF-16; save the file as UTF-8$"),
        (b"Orla\nRen\xe9\n", r"data, line 2: no UTF-8 text; save the file as UTF-8$"),
    ],
)
def test_text_in_another_encoding_is_told_with_its_line(tmp_path, content, said):
    with pytest.raises(DataError, match=said):
        read_text(written(tmp_path, content))


def test_toml_is_read_as_its_model(tmp_path):
    assert read_toml(written(tmp_path, 'name = "Orla"'), Keeper) == Keeper(name="Orla")
    with pytest.raises(DataError, match=r"data: name: Field required$"):
        read_toml(written(tmp_path, "bells = 2"), Keeper)
    with pytest.raises(DataError, match="data cannot be read as TOML"):
        read_toml(written(tmp_path, "bells ="), Keeper)


def test_half_a_character_that_json_says_becomes_one_that_can_be_written(tmp_path: Path) -> None:
    """As programs leave it that cut a text amid an emoji; nothing that hashes or keeps a text could take it."""
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": ["cut \\ud83d", "whole \\ud83d\\ude00"]}\n')
    assert read_json_lines(path) == [{"text": ["cut ?", "whole 😀"]}]
    path.write_text('["cut \\ud83d"]')
    assert read_json_list(path) == ["cut ?"]


def test_a_long_document_stands_in_a_csv_file_too(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"text\n{'word ' * 40_000}\n")
    assert len(read_csv(path)[0]["text"]) == 200_000
