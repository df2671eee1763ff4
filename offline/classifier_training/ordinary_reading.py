"""The ordinary text that one training reads: a part to know of, one for each round of scanning, one to measure on."""

from collections.abc import Collection, Sequence

from lethe.classifier.encoders.encoder import Encoder
from lethe.classifier.names import GroupedNames, name_forms
from lethe.offline.classifier_training.name_groups import canonical_words, group_names, rarely_named
from lethe.offline.classifier_training.ordinary_blocks import BLOCK_CHARACTERS, OrdinaryBlock, ordinary_blocks
from lethe.offline.classifier_training.settings import TrainingSettings
from lethe.offline.data.ordinary_text import machine_folders

# How much more of it than is scanned in a round tells how ordinary scores tail off.
_MEASURED_ON = 2
# Blocks of it that, beside ordinary prompts, say what the first tier clears.
_BLOCKS_TO_CLEAR = 300


class OrdinaryReading:
    """Ordinary text in bulk, as one training comes to it.

    Parameters
    ----------
    names
        The target's.
    near
        Prompts that are near the target though allowed.

    Attributes
    ----------
    names
        The forms of the target's names by what ordinary text has of them.
    background
        Blocks that every fit learns from, as far as a first tier cannot clear them.
    to_clear
        Blocks on which a first tier's limits are set.
    to_scan
        Blocks of each round.
    to_measure
        Blocks that no head has seen, enough to tell how their scores tail off.
    """

    def __init__(
        self, encoder: Encoder, names: Collection[str], near: Sequence[str], settings: TrainingSettings
    ) -> None:
        in_a_round = settings.scan_characters
        clearing = min(in_a_round, _BLOCKS_TO_CLEAR * BLOCK_CHARACTERS)
        sizes = [in_a_round] * settings.scan_rounds + [in_a_round, clearing, _MEASURED_ON * in_a_round]
        folders = settings.ordinary or machine_folders()
        parts = ordinary_blocks(folders, settings.seed, sizes) if settings.scan_rounds else [[], [], []]
        *to_know, _to_measure = parts
        self.names = _grouped(names, encoder, to_know, near)
        *self.to_scan, self.background, self.to_clear, self.to_measure = without_target(
            parts, names, encoder, near
        )


def without_target(
    parts: Sequence[Sequence[OrdinaryBlock]], names: Collection[str], encoder: Encoder, near: Sequence[str]
) -> list[list[OrdinaryBlock]]:
    """Parts of ordinary text without the blocks that are likely about a target.

    Such a block has one of its names that the other parts hardly have. In its own part the name is not rare: once in less than
    twenty million characters is not. To count anew for each part takes a twentieth of a second for a million characters.

    Parameters
    ----------
    names, near
        As those of `OrdinaryReading`.
    """
    kept: list[list[OrdinaryBlock]] = []
    for number, part in enumerate(parts):
        elsewhere = _grouped(names, encoder, [*parts[:number], *parts[number + 1 :]], near)
        kept.append([block for block in part if not rarely_named(elsewhere, block.text)])
    return kept


def _grouped(
    names: Collection[str], encoder: Encoder, parts: Sequence[Sequence[OrdinaryBlock]], near: Sequence[str]
) -> GroupedNames:
    """The forms of names by what some parts have of them."""
    vocabulary = canonical_words(encoder.words)
    return group_names(
        name_forms(names),
        lambda word: word in vocabulary or len(encoder.tokenize(word)) == 1,
        (block.text for part in parts for block in part),
        near,
    )
