"""Ordinary text in bulk, cut into blocks of the size of a short request, and dealt into parts in which kinds have equal shares."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lethe.classifier.text.stretches import cut
from lethe.classifier.text.windows import gap_before, split_windows
from lethe.offline.data.ordinary_text import documents_by_kind, in_turns
from lethe.offline.data.text_files import TextKind

BLOCK_CHARACTERS = 2000
# Shorter ends of documents are no blocks: they say nothing, and would count as if they did.
_LEAST_CHARACTERS = BLOCK_CHARACTERS // 10
# Kinds and languages are spread evenly where a package gives little at a time.
_OF_A_FILE = 8000


@dataclass(frozen=True, slots=True)
class OrdinaryBlock:
    """A stretch of an ordinary document, and the kind of that."""

    kind: TextKind
    text: str


def ordinary_blocks(folders: Sequence[Path], seed: int, parts: Sequence[int]) -> list[list[OrdinaryBlock]]:
    """Blocks of the text that training may see, in parts; the other half of the packages is left to measurements.

    Kinds come in turns, since most files of a machine are code, and what there is of a kind is spread over all parts, since there is
    little of most: a part of what is left of them would be code alone.

    Parameters
    ----------
    parts
        How many characters each part is to have at least, less than a file's more; all have less where there are not so many.

    Raises
    ------
    DataError
        A folder is missing or cannot be listed.
    """
    found = documents_by_kind(folders, seed=seed, part="train", maximum_characters=_OF_A_FILE)
    dealt: list[list[OrdinaryBlock]] = [[] for _ in parts]
    given = {kind: [0] * len(parts) for kind in found}
    of_all = [0] * len(parts)
    for document in in_turns(found.values(), 0):
        wanting = [part for part, size in enumerate(parts) if of_all[part] < size]
        if not wanting:
            break
        of_kind, text = given[document.kind], _whole_words(document.text)
        poorest = min(wanting, key=lambda part: (of_kind[part] / parts[part], of_all[part] / parts[part]))
        blocks = [
            OrdinaryBlock(document.kind, text[start:end])
            for start, end in split_windows(text, BLOCK_CHARACTERS, overlap=0)
            if end - start >= _LEAST_CHARACTERS
        ]
        dealt[poorest] += blocks
        length = sum(len(block.text) for block in blocks)
        of_kind[poorest] += length
        of_all[poorest] += length
    return dealt


def _whole_words(text: str) -> str:
    """A document without the word in which it was cut off, if it was: a part of one may be like a name, misspelt."""
    if len(text) < _OF_A_FILE:
        return text
    return text[: gap_before(text, len(text), len(text) - BLOCK_CHARACTERS)]


def stretches(blocks: Sequence[str]) -> list[str]:
    """The windows and sentences of blocks, as the classifier cuts them."""
    found = cut(blocks)
    return [found.text[start:end] for start, end in found.bounds.tolist()]
