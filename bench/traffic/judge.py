"""The service under measurement: targets' heads, asked one request after the other, nothing cached."""

import asyncio
import json
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from lethe.bundle import load_bundle
from lethe.classifier.conversation import Conversation
from lethe.classifier.service import ClassifierService
from lethe.classifier.settings import ClassifierSettings
from lethe.classifier.verdict import Verdict

_DOCUMENT = "head.json"
# What is measured is what reading takes, not when it is given up.
_SETTINGS = ClassifierSettings(cache_bytes=0, deadline_seconds=600)


@dataclass(frozen=True)
class Judgement:
    """A verdict and the processor time that it took, of all threads."""

    verdict: Verdict
    seconds: float

    @property
    def whole(self) -> bool:
        """Whether everything was read."""
        return self.verdict.status == "ok"

    def flagged(self, target: str) -> bool:
        """Whether a target is among those that are asked for."""
        return any(each.target == target for each in self.verdict.flagged)

    def reach(self, target: str) -> float:
        """The highest threshold of a target that would flag it; exact where all was asked for."""
        return next(each.reach for each in self.verdict.targets if each.target == target)


class Judge:
    """A service as the proxy has it, asked from outside its event loop.

    Parameters
    ----------
    heads
        By target, the folder of its head.
    """

    def __init__(self, heads: Mapping[str, Path]) -> None:
        self._service = ClassifierService.load(heads=heads, settings=_SETTINGS)
        self._service.warm_up()
        self._loop = asyncio.Runner()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.run(self._service.close())
        self._loop.close()

    def verdict(self, conversation: Conversation, *, spans: bool = False, whole: bool = False) -> Judgement:
        """Classify a conversation; `ClassifierService.classify` says what is to be told of it."""
        started = time.process_time()
        verdict = self._loop.run(self._service.classify(conversation, spans=spans, whole=whole))
        return Judgement(verdict, time.process_time() - started)


def head_folder(bundle: Path) -> Path:
    """The folder of a bundle's head."""
    folder = load_bundle(bundle).classifier
    if folder is None:
        raise SystemExit(f"{bundle} has no classifier; give a bundle with one")
    return folder


def target_of(bundle: Path) -> str:
    return str(_document(head_folder(bundle))["target"])


def entities_of(bundle: Path) -> list[str]:
    """The names that the head of a bundle lists."""
    return list(_document(head_folder(bundle))["entities"])


def heads_of(bundles: Sequence[Path], count: int, folder: Path) -> dict[str, Path]:
    """So many heads, by target: those of the bundles, then copies of these in turn under other names.

    Parameters
    ----------
    folder
        Where copies are put.
    """
    own = {target_of(bundle): head_folder(bundle) for bundle in bundles[:count]}
    heads, originals = dict(own), list(own.values())
    while len(heads) < count:
        name = f"copy-{len(heads)}"
        original = originals[len(heads) % len(originals)]
        heads[name] = Path(shutil.copytree(original, folder / name))
        document = {**_document(original), "target": name}
        (heads[name] / _DOCUMENT).write_text(json.dumps(document))
    return heads


def _document(folder: Path) -> dict[str, Any]:
    return json.loads((folder / _DOCUMENT).read_text())
