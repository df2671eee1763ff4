"""A sample of scores holds no text, is bounded, and is of what clients ask alone."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from lethe.bundle import Bundle, load_bundle
from lethe.classifier.conversation import Conversation
from lethe.classifier.sampled_scores import read_sampled_scores
from lethe.classifier.verdict import Verdict
from lethe.server.errors import OperatorError
from lethe.server.guard.guard import Guard
from lethe.server.guard.host import NoEngines
from lethe.server.guard.score_sample import ScoreSampleFiles
from lethe.server.metrics import Metrics
from lethe.server.settings.policy import OnPooled, PolicySettings
from lethe.server.settings.reading import ScoreSampleSettings
from tests.server.stack import KeywordClassifier

pytestmark = pytest.mark.anyio


class Noting(KeywordClassifier):
    """Writes down which conversations it is to read whole."""

    whole: list[bool]

    async def classify(
        self,
        conversation: Conversation,
        *,
        spans: bool | None = None,
        whole: bool = False,
        thresholds: Mapping[str, float] | None = None,
    ) -> Verdict:
        self.whole = [*getattr(self, "whole", []), whole]
        return await super().classify(conversation)


async def sampled(targets: Path, folder: Path, texts: Sequence[Sequence[str]], **settings: float) -> Noting:
    built: list[Noting] = []

    async def build(bundles: Sequence[Bundle]) -> Noting:
        built.append(Noting([bundle.name for bundle in bundles]))
        return built[-1]

    sample = ScoreSampleFiles(folder, ScoreSampleSettings.model_validate({"share": 1, **settings}))
    guard = Guard(targets, build, NoEngines(), PolicySettings(), Metrics(), sample=sample)
    await guard.load()
    for prompts in texts:
        await guard.decide([Conversation.from_prompt(text) for text in prompts], sampled=True)
    await guard.decide([Conversation.from_prompt("potter")])
    await guard.decide([Conversation.from_prompt("potter")], sampled=True, pooled=OnPooled.OBSERVE)
    sample.close()
    return built[0]


async def test_a_request_leaves_its_scores_its_length_and_its_day_and_nothing_else(
    targets: Path, tmp_path: Path
) -> None:
    classifier = await sampled(targets, tmp_path / "scores", [["hello", "books"]])
    [path] = (tmp_path / "scores").iterdir()
    [line] = path.read_text().splitlines()
    row = json.loads(line)
    assert row.keys() == {"day", "characters", "status", "targets"}
    head = load_bundle(targets / "books").manifest.files.get("classifier/head.safetensors", "")[:12]
    assert (row["characters"], row["status"]) == (10, "ok")
    assert row["targets"] == {"books": {"head": head, "reach": 0.6}}
    assert len(row["day"]) == len("2026-01-31")
    assert path.stat().st_mode & 0o077 == 0
    assert classifier.whole == [True, True, False, False]


async def test_no_more_requests_are_kept_than_asked_for_and_the_oldest_go(
    targets: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "scores"
    for _ in range(2):
        await sampled(targets, folder, [["x" * number] for number in range(1, 26)], keep=20)
    kept = [row.characters for row in read_sampled_scores(folder)]
    assert len(kept) <= 20
    assert kept[-1] == 25
    assert len(list(folder.iterdir())) == 2


async def test_a_share_is_drawn(targets: Path, tmp_path: Path) -> None:
    await sampled(targets, tmp_path / "scores", [["hello"]] * 400, share=0.25)
    assert 50 < len(list(read_sampled_scores(tmp_path / "scores"))) < 150


async def test_one_folder_is_one_proxys(tmp_path: Path) -> None:
    first = ScoreSampleFiles(tmp_path, ScoreSampleSettings())
    with pytest.raises(OperatorError, match="another proxy keeps its sample"):
        ScoreSampleFiles(tmp_path, ScoreSampleSettings())
    first.close()
    (tmp_path / "file").write_text("")
    with pytest.raises(OperatorError, match="cannot keep a sample of scores"):
        ScoreSampleFiles(tmp_path / "file", ScoreSampleSettings())


async def test_a_disk_that_is_full_costs_the_sample_requests_and_nobody_else(
    targets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logged: pytest.LogCaptureFixture
) -> None:
    def full(_descriptor: int, _content: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("lethe.server.guard.score_sample.os.write", full)
    await sampled(targets, tmp_path / "scores", [["hello"], ["hello"]])
    assert logged.text.count("lacks requests: No space left on device") == 1
