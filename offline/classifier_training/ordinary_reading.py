"""The ordinary text that one training reads: a first part for what it has of the target's names, then on, block by block."""

from collections.abc import Collection, Sequence

from lethe.classifier.encoders.encoder import Encoder
from lethe.classifier.names import GroupedNames, name_forms
from lethe.offline.classifier_training.name_groups import canonical_words, group_names, rarely_named
from lethe.offline.classifier_training.ordinary_blocks import ordinary_blocks, take
from lethe.offline.classifier_training.settings import TrainingSettings
from lethe.offline.data.ordinary_text import machine_folders

# How much more ordinary text is read for how often it has the target's names than is scanned in a round.
_READ_FOR_NAMES = 4
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
    """

    def __init__(
        self, encoder: Encoder, names: Collection[str], near: Sequence[str], settings: TrainingSettings
    ) -> None:
        self._settings = settings
        folders = settings.ordinary or machine_folders()
        self._blocks = ordinary_blocks(folders, settings.seed) if settings.scan_rounds else iter(())
        self._first = take(self._blocks, _READ_FOR_NAMES * settings.scan_characters)
        vocabulary = canonical_words(encoder.words)
        self.names: GroupedNames = group_names(
            name_forms(names),
            lambda word: word in vocabulary or len(encoder.tokenize(word)) == 1,
            self._first,
            near,
        )

    @property
    def for_background(self) -> list[str]:
        """Blocks of what was read first."""
        return self._of_others(self._first[: len(self._first) // _READ_FOR_NAMES])

    @property
    def to_clear(self) -> list[str]:
        """Other blocks of what was read first, on which a first tier's limits are set."""
        return self._first[-_BLOCKS_TO_CLEAR:]

    def next_to_scan(self) -> list[str]:
        """The blocks of the next round."""
        return self._of_others(take(self._blocks, self._settings.scan_characters))

    def next_to_measure(self) -> list[str]:
        """The next blocks, enough to tell how their scores tail off."""
        return self._of_others(take(self._blocks, _MEASURED_ON * self._settings.scan_characters))

    def _of_others(self, blocks: list[str]) -> list[str]:
        return [block for block in blocks if not rarely_named(self.names, block)]
