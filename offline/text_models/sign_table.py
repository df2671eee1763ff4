"""Learns what signs stand in a row from ordinary text of this machine, for the classifier to tell what is no text of any kind.

``python -m lethe.offline.text_models.sign_table`` writes the table that the classifier's package holds.
"""

import gzip
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import numpy as np

from lethe.classifier.encoders.loading import load_encoder
from lethe.classifier.text.canonical import canonicalise
from lethe.classifier.text.sign_statistics import TABLE, SignStatistics
from lethe.offline.data.ordinary_text import documents_by_kind, machine_folders, part_of

# Of each kind of text; one half of the packages, since measurements take the other.
_CHARACTERS = 3_000_000
_OF_A_FILE = 20_000
_MANUALS = Path("/usr/share/man")
# How often the most frequent word of all languages is read, and by what power of its rank another is less often.
_MOST_OFTEN, _RARER = 600, 0.6
_FIRST_RANKS = 30


def main() -> None:
    """Write the table."""
    texts = chain(_documents(), _sources_of_manuals(), _words(load_encoder().words))
    statistics = SignStatistics.of(canonicalise(text).text for text in texts)
    np.savez_compressed(TABLE, surprise=statistics.surprise)


def _documents() -> Iterator[str]:
    streams = documents_by_kind(machine_folders(), seed=0, part="train", maximum_characters=_OF_A_FILE)
    for documents in streams.values():
        yield from _up_to_enough(document.text for document in documents)


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
