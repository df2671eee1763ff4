"""Learns what letters stand in a row from the words of the multilingual encoder, for the classifier to tell language from nonsense.

``python -m lethe.offline.text_models.letter_table`` writes the table that the classifier's package holds.
"""

import numpy as np

from lethe.classifier.encoders.loading import load_encoder
from lethe.classifier.text.letter_statistics import TABLE, LetterStatistics


def main() -> None:
    """Write the table."""
    statistics = LetterStatistics.of(load_encoder().words)
    np.save(TABLE, np.concatenate([statistics.letters, statistics.bits]).astype(np.float16))


if __name__ == "__main__":
    main()
