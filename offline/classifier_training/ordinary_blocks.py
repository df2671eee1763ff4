"""Ordinary text in bulk, cut into blocks of the size of a short request, without those that name the target."""

import itertools
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

from lethe.classifier.text.stretches import cut
from lethe.offline.data.ordinary_text import documents_by_kind

BLOCK_CHARACTERS = 2000
# Kinds and languages are spread evenly where a package gives little at a time.
_OF_A_FILE = 8000


def ordinary_blocks(folders: Sequence[Path], seed: int) -> Iterator[str]:
    """Blocks of the text that training may see; the other half of the packages is left to measurements.

    Raises
    ------
    DataError
        A folder is missing or cannot be listed.
    """
    found = documents_by_kind(folders, seed=seed, part="train", maximum_characters=_OF_A_FILE)
    streams = deque(found.values())
    # Kinds in turns: most files of a machine are code.
    while streams:
        document = next(streams[0], None)
        if document is None:
            streams.popleft()
            continue
        streams.rotate(-1)
        for start in range(0, len(document.text), BLOCK_CHARACTERS):
            yield document.text[start : start + BLOCK_CHARACTERS]


def take(blocks: Iterator[str], characters: int) -> list[str]:
    """The next blocks, of about this many characters."""
    return list(itertools.islice(blocks, max(characters // BLOCK_CHARACTERS, 1)))


def stretches(blocks: Sequence[str]) -> list[str]:
    """The windows and sentences of blocks, as the classifier cuts them."""
    found = cut(blocks)
    return [found.text[start:end] for start, end in found.bounds.tolist()]
