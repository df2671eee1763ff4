"""The job behind `lethe classifier test`: a bundle and files of texts in, verdicts and what they come to out."""

import asyncio
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lethe.bundle import Bundle
from lethe.bundle.files import replace_file
from lethe.classifier.encoders.registry import EncoderRegistry
from lethe.classifier.head import head_folder, load_head
from lethe.classifier.settings import ClassifierSettings
from lethe.offline.classifier_testing.judging import JudgedText, judge_texts
from lethe.offline.classifier_testing.settings import ClassifierTestSettings
from lethe.offline.classifier_testing.summary import flags_by_threshold, summarize_groups
from lethe.offline.classifier_testing.tables import groups_table, thresholds_table
from lethe.offline.classifier_testing.texts import load_held_out_texts
from lethe.offline.data.files import DataError
from lethe.offline.progress import Progress


@dataclass(frozen=True)
class ClassifierTest:
    """What a classifier said of held-out texts, at one threshold."""

    target: str
    threshold: float
    judged: tuple[JudgedText, ...]

    def page(self) -> str:
        """The tables by group and by threshold."""
        by_threshold = flags_by_threshold(self.judged, self.threshold)
        return (
            f"{self.target}: {len(self.judged)} texts, flagged from probability {self.threshold:.6g}\n\n"
            f"{groups_table(summarize_groups(self.judged))}\n\n"
            f"{thresholds_table(by_threshold, self.threshold)}"
        )


def run_classifier_test(
    bundle: Bundle,
    sources: Sequence[str],
    settings: ClassifierTestSettings,
    encoder: str,
    classifier: ClassifierSettings,
    progress: Progress,
) -> ClassifierTest:
    """Judge the texts of some sources with a bundle's classifier, and write the verdicts down where that is wanted.

    Parameters
    ----------
    encoder
        A name for `lethe.classifier.encoders.loading.load_encoder`; where the bundle brings its own, that one is taken.
    classifier
        How the classifier is served.

    Raises
    ------
    DataError
        A source is missing or malformed, or the output cannot be written.
    ClassifierError
        The bundle has no classifier, or it or its encoder cannot be used.
    """
    folder = head_folder(bundle)
    head = load_head(folder)
    if settings.threshold is not None:
        head = replace(head, threshold=settings.threshold)
    texts, blank = load_held_out_texts(sources, settings)
    if settings.output:
        _check_output(settings.output)
    progress.expect(2)
    progress.begin("loading the classifier")
    if blank:
        progress.say(f"{blank} texts without words are left out")
    loaded = EncoderRegistry(encoder, classifier.precision).of_head(folder)
    judged = asyncio.run(judge_texts(loaded, head, texts, classifier, progress))
    if settings.output:
        replace_file(settings.output, "".join(map(_line, judged)))
    return ClassifierTest(head.target, head.threshold, tuple(judged))


def _check_output(path: Path) -> None:
    """Refuse before anything is judged what could not be written afterwards."""
    if path.is_dir():
        raise DataError(f"{path} is a folder; --output names a file")
    path.parent.mkdir(parents=True, exist_ok=True)
    if not os.access(path.parent, os.W_OK):
        raise DataError(f"{path} cannot be written; --output names a file in a folder of yours")


def _line(judged: JudgedText) -> str:
    text = judged.text
    label = {} if text.flag is None else {"flag": text.flag}
    row = {
        "where": text.where,
        "group": text.group,
        **label,
        "flagged": judged.flagged,
        "probability": judged.probability,
        "threshold": judged.threshold,
        "status": judged.status,
        "milliseconds": round(judged.milliseconds, 2),
        **text.content,
    }
    # Values of a Parquet file may be none of JSON's.
    return json.dumps(row, ensure_ascii=False, default=str) + "\n"
