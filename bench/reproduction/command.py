"""What every reproduction's command line has: where data come from, where work is kept, and lines with the time."""

import argparse
import os
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path

Say = Callable[[str], None]


def argument_parser(description: str, page: Path | None) -> argparse.ArgumentParser:
    """A parser that knows the data folder and the page to write, None where that depends on other options."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data", type=Path, default=os.environ.get("LETHE_DATA_DIR"), help="folder of benchmark data"
    )
    parser.add_argument("--page", type=Path, default=page, help="page to write")
    return parser


def data_folder(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> Path:
    """The data folder; leaves with a message where none is named."""
    if arguments.data is None:
        parser.error("the data are read from a folder; name it with --data or LETHE_DATA_DIR")
    return Path(arguments.data)


def positive_count(text: str) -> int:
    """The type of an option that counts something of which there is at least one."""
    if not (text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def typed_arguments() -> str:
    """The words that a page is told to be measured by: what writes it anew alone is none of them."""
    return shlex.join(word for word in sys.argv[1:] if word != "--recorded")


def told_command(word: str, arguments: str) -> str:
    """What is typed to measure with these arguments."""
    return f'make {word} ARGS="{arguments}"' if arguments else f"make {word}"


def timed_lines() -> Say:
    """Print lines with the seconds since now."""
    start = time.monotonic()
    return lambda line: print(f"[{time.monotonic() - start:6.0f} s] {line}", flush=True)
