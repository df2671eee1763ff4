"""Reading files of data. What is wrong with one is told with its path, and the line where it has lines.

Knows formats; knows nothing about what the data mean.
"""

import codecs
import csv
import gzip
import io
import json
import tomllib
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import pydantic
import yaml

from lethe.bundle.errors import LetheError

_Model = TypeVar("_Model", bound=pydantic.BaseModel)


class DataError(LetheError):
    """Data that are missing, empty or malformed; the message names the file and says what is wrong."""


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


# A field that counts as not given unless it is text with words in it.
OptionalText = Annotated[str | None, pydantic.BeforeValidator(_text_or_none)]


def read_objects(path: Path, model: type[_Model]) -> tuple[_Model, ...]:
    """Read objects of one kind, one a line as JSON.

    Raises
    ------
    DataError
        The file is missing or empty, or a line is no such object.
    """
    return tuple(
        _validated(model, value, f"{path}, line {number}") for number, value in numbered_json_lines(path)
    )


def read_toml(path: Path, model: type[_Model]) -> _Model:
    """Read a TOML file.

    Raises
    ------
    DataError
        The file is missing or malformed.
    """
    try:
        document = tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{path} cannot be read as TOML: {error}") from None
    return _validated(model, document, str(path))


def read_yaml(path: Path, model: type[_Model]) -> _Model:
    """Read a YAML file that is one mapping; one that holds nothing is empty.

    Raises
    ------
    DataError
        The file is missing or malformed.
    """
    return _validated(model, _yaml_document(path) or {}, str(path))


def read_yaml_objects(path: Path, model: type[_Model]) -> tuple[_Model, ...]:
    """Read a YAML file that is a list of objects of one kind; one that holds nothing is empty.

    Raises
    ------
    DataError
        The file is missing or malformed, or an item is no such object.
    """
    items = _yaml_document(path) or []
    if not isinstance(items, list):
        raise DataError(f"{path}: expected a list, each item beginning with a dash")
    return tuple(
        _validated(model, value, f"{path}, item {number}") for number, value in enumerate(items, start=1)
    )


def read_lines(path: Path) -> list[str]:
    """Read lines of text; empty ones, and those that begin with ``#``, are left out.

    Raises
    ------
    DataError
        The file is missing, or is no text.
    """
    lines = (line.strip() for line in read_text(path).splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def read_json_lines(path: Path) -> list[Any]:
    """Read values, one a line as JSON.

    Raises
    ------
    DataError
        The file is missing or empty, or a line is not JSON.
    """
    return [value for _, value in numbered_json_lines(path)]


def numbered_json_lines(path: Path) -> Iterator[tuple[int, Any]]:
    """Read values, one a line as JSON, with the numbers of their lines; lines without words are passed over.

    Raises
    ------
    DataError
        The file is missing or empty, or a line is not JSON.
    """
    found = False
    # JSON may hold other characters that `splitlines` ends a line at.
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        found = True
        try:
            value = json.loads(line)
        except json.JSONDecodeError as error:
            # Its own line is always 1 here.
            raise DataError(
                f"{path}, line {number}: not valid JSON: {error.msg} at column {error.colno}"
            ) from None
        yield number, _writable(value, line)
    if not found:
        raise DataError(f"{path} is empty; give one JSON value a line")


def read_json_list(path: Path) -> list[Any]:
    """Read a file that is one JSON list.

    Raises
    ------
    DataError
        The file is missing, empty, or no list.
    """
    try:
        written = read_text(path)
        rows = _writable(json.loads(written), written)
    except ValueError as error:
        raise DataError(f"{path}: not valid JSON: {error}") from None
    if not isinstance(rows, list):
        raise DataError(f"{path}: expected a JSON list")
    return _not_empty(rows, path)


def read_csv(path: Path) -> list[dict[str, str]]:
    """Read a CSV file with a header, rows by its columns.

    Raises
    ------
    DataError
        The file is missing, empty or malformed.
    """
    text = read_text(path)
    # Where commas stand in numbers, spreadsheets write semicolons.
    columns = text.partition("\n")[0]
    header, *rows = _csv_rows(path, text, max(",;\t", key=columns.count))
    return _not_empty([dict(zip(header, row, strict=False)) for row in rows if row], path)


def read_csv_rows(path: Path) -> list[list[str]]:
    """Read a CSV file whose first row is one like the others.

    Raises
    ------
    DataError
        The file is missing, empty or malformed.
    """
    return _csv_rows(path, read_text(path))


def read_parquet(path: Path) -> list[dict[str, Any]]:
    """Read the rows of a Parquet file, in which the Hugging Face hub keeps most data sets, each by column.

    Raises
    ------
    DataError
        The file is missing or empty, or no Parquet file.
    """
    from pyarrow import ArrowException, parquet  # slow to import, and needed only here

    try:
        return _not_empty(parquet.read_table(path).to_pylist(), path)
    except (OSError, ArrowException) as error:
        raise DataError(f"{path} cannot be read as Parquet: {error}") from None


def read_text(path: Path) -> str:
    """Read UTF-8 text, compressed by gzip or not.

    A file of the same name with ``.gz`` stands in for one that is not there.

    Raises
    ------
    DataError
        Neither is there, or it is not such text.
    """
    compressed = path.with_name(f"{path.name}.gz")
    file = compressed if compressed.is_file() and not path.is_file() else path
    try:
        content = file.read_bytes()
        if file.suffix == ".gz":
            content = gzip.decompress(content)
    except FileNotFoundError:
        raise DataError(f"{path} does not exist") from None
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read: {error}") from None
    try:
        # Programs on Windows put a byte order mark before the text.
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        kind = " but UTF-16" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else ""
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(f"{path}, line {line}: no UTF-8 text{kind}; save the file as UTF-8") from None


def first_fault(error: pydantic.ValidationError, names: Mapping[str, str] | None = None) -> str:
    """The first thing that is wrong, behind the field that it is wrong with.

    Parameters
    ----------
    names
        What the user knows fields by, if not by their own names.
    """
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"])
    if names and first["loc"]:
        field = names.get(str(first["loc"][0]), field)
    message = first["msg"].removeprefix("Value error, ")
    # A check of our own says by itself what it was given.
    if first["type"] != "value_error" and isinstance(first["input"], str | int | float):
        message += f", not {first['input']!r:.80}"
    return f"{field}: {message}" if field else message


def _csv_rows(path: Path, text: str, delimiter: str = ",") -> list[list[str]]:
    # A document may be longer than what the module takes for a field by itself.
    csv.field_size_limit(max(csv.field_size_limit(), len(text)))
    try:
        return _not_empty(list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)), path)
    except csv.Error as error:
        raise DataError(f"{path} cannot be read as CSV: {error}") from None


def _writable(value: Any, written: str) -> Any:
    """A value of JSON, with a question mark for each half of a character, which JSON can say and nothing can write."""
    if "\\ud" not in written.lower():
        return value
    return json.loads(json.dumps(value, ensure_ascii=False).encode(errors="replace"))


def _yaml_document(path: Path) -> Any:
    try:
        return yaml.safe_load(read_text(path))
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise DataError(f"{path}{line}: not valid YAML: {error.problem}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise DataError(f"{path}: not valid YAML: {error}") from None


def _validated(model: type[_Model], value: object, where: str) -> _Model:
    if not isinstance(value, dict):
        raise DataError(f"{where}: expected an object, not {json.dumps(value)[:80]}")
    try:
        return model.model_validate(value)
    except pydantic.ValidationError as error:
        raise DataError(f"{where}: {first_fault(error)}") from None


def _not_empty(rows: list[Any], path: Path) -> list[Any]:
    if not rows:
        raise DataError(f"{path} is empty")
    return rows
