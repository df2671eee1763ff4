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
        *to_scan, background, to_clear, to_measure = parts
        vocabulary = canonical_words(encoder.words)
        self.names: GroupedNames = group_names(
            name_forms(names),
            lambda word: word in vocabulary or len(encoder.tokenize(word)) == 1,
            [block.text for part in (*to_scan, background, to_clear) for block in part],
            near,
        )
        self.background = self._of_others(background)
        self.to_clear = to_clear
        self.to_scan = [self._of_others(part) for part in to_scan]
        self.to_measure = self._of_others(to_measure)

    def _of_others(self, blocks: Sequence[OrdinaryBlock]) -> list[OrdinaryBlock]:
        return [block for block in blocks if not rarely_named(self.names, block.text)]
