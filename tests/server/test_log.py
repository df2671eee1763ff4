"""Logs for machines are one JSON object a line, whatever is in it."""

import json
import logging
import sys

from lethe.server.log import JsonFormatter


def test_a_record_is_one_line_of_json_with_its_exception() -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError:
        record = logging.LogRecord("a.logger", logging.ERROR, "", 1, 'said "%s"', ("x\ny",), sys.exc_info())
    line = JsonFormatter().format(record)
    assert "\n" not in line
    document = json.loads(line)
    assert document["message"] == 'said "x\ny"'
    assert (document["level"], document["logger"]) == ("error", "a.logger")
    assert document["time"].endswith("Z")
    assert "ValueError: two" in document["exception"]
