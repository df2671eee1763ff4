"""Learns what signs stand in a row from ordinary text of this machine, for the classifier to tell what is no text of any kind.

``python -m lethe.offline.text_models.sign_table`` writes the table that the classifier's package holds.
"""

import argparse
import gzip
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path

import numpy as np

from lethe.classifier.encoders.loading import load_encoder
from lethe.classifier.text.canonical import canonicalise
from lethe.classifier.text.sign_statistics import TABLE, SignStatistics
from lethe.offline.data.machine_files import machine_files, package_folders
from lethe.offline.data.ordinary_text import documents, documents_by_kind, machine_folders, part_of
from lethe.offline.text_models.made_texts import data_text
from lethe.offline.text_models.made_texts.minified import is_minified, minified
from lethe.offline.text_models.made_texts.names import Material

# Of each kind of text; one half of the packages, since measurements take the other.
_CHARACTERS = 3_000_000
# Of files with each ending, of which there are many kinds.
_OF_AN_ENDING = 300_000
_OF_A_FILE = 20_000
# Files of code, to find minified ones among and to minify.
_OF_CODE = 1200
_MANUALS = Path("/usr/share/man")
# How often the most frequent word of all languages is read, and by what power of its rank another is less often.
_MOST_OFTEN, _RARER = 600, 0.6
_FIRST_RANKS = 30


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--folders", type=Path, nargs="*", default=[], help="folders of packages beside this machine's"
    )
    folders = parser.parse_args(arguments).folders
    words = load_encoder().words
    texts = chain(
        _documents(folders), _files(folders), _sources_of_manuals(), _data(words, folders), _words(words)
    )
    statistics = SignStatistics.of(canonicalise(text).text for text in texts)
    np.savez_compressed(TABLE, surprise=statistics.surprise)


def _documents(folders: Sequence[Path]) -> Iterator[str]:
    streams = documents_by_kind(
        (*machine_folders(), *folders), seed=0, part="train", maximum_characters=_OF_A_FILE
    )
    for stream in streams.values():
        yield from _up_to_enough(document.text for document in stream)


def _files(folders: Sequence[Path]) -> Iterator[str]:
    read: Counter[str] = Counter()
    found = machine_files("train", seed=0, characters=_OF_A_FILE, folders=(*package_folders(), *folders))
    for ending, _, text in found:
        if read[ending] < _OF_AN_ENDING:
            read[ending] += len(text)
            yield text


def _data(words: Sequence[str], folders: Sequence[Path]) -> Iterator[str]:
    """Data in bulk, code that was minified and maps to its sources, which machines have less of than services see."""
    found = documents(
        (*machine_folders(), *folders),
        seed=1,
        part="train",
        kinds=("javascript",),
        maximum_characters=_OF_A_FILE,
    )
    code = [document.text for document in islice(found, _OF_CODE)]
    yield from _up_to_enough(filter(is_minified, code))
    plain = [word for word in words if word.isascii() and word.isalpha() and word.islower()]
    material = Material(plain[: 1 << 13], [text[:200] for text in code], code, code)
    noise = random.Random(0)
    yield from _up_to_enough(iter(lambda: minified(noise, material), None))
    yield from _up_to_enough(iter(lambda: data_text(noise, material), None))


def _sources_of_manuals() -> Iterator[str]:
    """Manual pages with their markup, which the documents are without."""
    paths = sorted(path for path in _MANUALS.rglob("*.gz") if part_of(path.name) == "train")
    yield from _up_to_enough(
        gzip.decompress(path.read_bytes()).decode(errors="replace")[:_OF_A_FILE]
        for path in paths[:: max(len(paths) // 600, 1)]
    )


def _up_to_enough(texts: Iterator[str]) -> Iterator[str]:
    read = 0
    for text in texts:
        yield text
        read += len(text)
        if read >= _CHARACTERS:
            break


def _words(words: Sequence[str]) -> Iterator[str]:
    """Words of many languages, the most frequent first, each as often as its rank says, small and with a capital."""
    for rank, word in enumerate(each for each in words if each.isalpha()):
        often = round(_MOST_OFTEN * ((rank + _FIRST_RANKS) / _FIRST_RANKS) ** -_RARER)
        if often == 0:
            break
        yield f"{word} " * often + f"{word.capitalize()} " * (often // 4)


if __name__ == "__main__":
    main()
