"""Removing what a target was made from, wherever jobs keep it, so that it does not live on in the files that forget it.

Knows the folders of jobs; whatever else is to go, such as feedback, it is told.
"""

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lethe.bundle import Bundle, forget_versions, load_bundle, read_manifest, update_bundle
from lethe.bundle.manifest import MANIFEST_NAME
from lethe.offline.classifier_training.known_questions import KNOWN_FILE
from lethe.offline.model_card import write_card

# What `tempfile` names a folder by.
_UNFINISHED = re.compile("[a-z0-9_]{8}")
DATA = "prompts, questions and answers, and all that was made of them"


@dataclass(frozen=True)
class TargetTraces:
    """Where traces of a target's data may lie.

    Attributes
    ----------
    data
        The folder of `lethe target new`; None where there is none.
    bundles
        The bundle's folder, and others that it was built into; what stands beside them for this target is found from them.
    cache
        The folder of all jobs' caches.
    others
        Further files and folders that are of this target alone, and what they are.
    """

    name: str
    data: Path | None
    bundles: Sequence[Path]
    cache: Path
    others: Sequence[tuple[Path, str]] = ()

    def found(self) -> list[tuple[Path, str]]:
        """What is there and will be removed, and what it is."""
        training = self.cache / "training"
        candidates = [
            (self.data, DATA),
            *(each for bundle in self.bundles for each in beside_bundle(bundle.parent, self.name)),
            (Path("reports") / self.name, "reports of its trainings"),
            (self.cache / "adapters" / self.name, "adapters that were trained for it, with its texts"),
            (
                training / "embeddings.sqlite",
                "embeddings of all targets' prompts; they are made anew in minutes",
            ),
            (training / "embeddings.sqlite-journal", "what an interrupted training was about to write there"),
            (training / "unfinished", "what interrupted trainings came to, of all targets"),
            (training / "encoders", "encoders that were fine-tuned, of all targets"),
            *self.others,
        ]
        found = [(path, what) for path, what in candidates if path is not None and path.exists()]
        found += [
            (bundle / KNOWN_FILE, "its known questions, in the bundle; the bundle stays")
            for bundle in self.bundles
            if known_questions(bundle)
        ]
        return found


def beside_bundle(folder: Path, name: str) -> list[tuple[Path, str]]:
    """What may stand beside a target's bundle in a folder of bundles, and what it is."""
    records = sorted(folder.glob(f".{name}-*search.jsonl"))
    # A record has its model's name too; what a name begins that is another target's is that one's.
    longer = tuple(
        f".{other.name}-" for other in folder.glob(f"{name}-*") if (other / MANIFEST_NAME).is_file()
    )
    return [
        *(
            (path, "record of a search for its corruption")
            for path in records
            if not path.name.startswith(longer)
        ),
        *(
            (path, "its bundle, as a command that was killed was about to leave it")
            for path in sorted(folder.glob(f".{name}-*"))
            if path.is_dir() and _UNFINISHED.fullmatch(path.name.removeprefix(f".{name}-"))
        ),
        (folder / ".versions" / name, "earlier versions of its bundle"),
    ]


def known_questions(bundle: Path) -> bool:
    """Whether a bundle keeps questions in clear."""
    return (bundle / KNOWN_FILE).is_file()


def erase(traces: TargetTraces) -> list[Bundle]:
    """Remove all that `TargetTraces.found` names; gives the bundles as they are now, those that there are.

    Raises
    ------
    BundleError
        A bundle is damaged. All else is removed by then.
    """
    listed = {bundle / KNOWN_FILE for bundle in traces.bundles}
    for path, _ in traces.found():
        if path.is_dir():
            shutil.rmtree(path)
        elif path not in listed:
            path.unlink()
    return [_without_known_questions(bundle) for bundle in traces.bundles if bundle.exists()]


def _without_known_questions(bundle: Path) -> Bundle:
    if not known_questions(bundle):
        return load_bundle(bundle)
    metrics = dict(read_manifest(bundle).metrics)
    metrics["classifier"] = {
        name: value for name, value in metrics.get("classifier", {}).items() if name != "known"
    }
    update_bundle(bundle, {KNOWN_FILE: None}, metrics=metrics)
    written = write_card(bundle)
    forget_versions(bundle)
    return written


def remaining(bundles: Sequence[Bundle]) -> list[str]:
    """What of a target no command can remove, or what is needed to go on forgetting it."""
    return [
        *(
            f"the bundle {bundle.folder}, which goes on guarding where it is served: its classifier holds the target's names in clear "
            "and weights from which words that it looks for can be read; `lethe targets remove` takes it away, and the guard with it"
            for bundle in bundles
        ),
        "copies elsewhere: bundles on other machines, backups, snapshots, a repository that had the folder, documents that "
        "prompts were drafted from",
        "banks of adapters elsewhere that were trained on it, and the data that they were trained on",
        "scores of prompts in the memory of running proxies, until they restart",
        "what the disk holds of removed files until it is written over",
    ]
