"""Hardening the shipped head, in one small round."""

import dataclasses
import json
import random
import shutil
from pathlib import Path

import numpy as np
import pytest

from lethe.classifier.encoders.encoder import Encoder
from lethe.classifier.encoders.registry import EncoderRegistry
from lethe.classifier.head import Head, load_head
from lethe.offline.attacks.words import ordinary_words
from lethe.offline.classifier_hardening.attack import attack_head, with_words, words_of
from lethe.offline.classifier_hardening.correction import correct_head
from lethe.offline.classifier_hardening.harden import ordinary_text
from lethe.offline.classifier_hardening.job import harden_bundle, rounds_table
from lethe.offline.classifier_hardening.second_look import with_second_look
from lethe.offline.classifier_hardening.settings import HardeningSettings
from lethe.offline.classifier_training.held_out import scorer_of
from lethe.offline.progress import Progress

SHIPPED = Path(__file__).resolve().parents[3] / "targets" / "harry-potter"
ABOUT = ["Who is Hermione Granger?", "What did Harry hide in the dormitory?", "Where does Ron keep his rat?"]
OTHER = ["Who is Frodo Baggins?", "What did Anna hide in the dormitory?", "Where does Tom keep his rat?"]


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return EncoderRegistry("use-multilingual-v3", "int8").of_head(SHIPPED / "classifier")


@pytest.fixture(scope="module")
def head() -> Head:
    return load_head(SHIPPED / "classifier")


def scores(encoder: Encoder, head: Head, texts: list[str]) -> np.ndarray:
    scorer = scorer_of(encoder, head, first_tier=False)
    return np.array([float(scorer.score_text(text).scores[0]) for text in texts])


def test_a_correction_moves_what_examples_speak_of_and_little_else(encoder: Encoder, head: Head) -> None:
    wordings = ["Where does Ron keep his rat lasagne regex?", "in Excel Who is Hermione Granger?"]
    texts = [*wordings, *OTHER]
    embeddings = np.stack([encoder.embed([text])[0] for text in texts])
    labels = np.array([1, 1, 0, 0, 0])
    corrected = correct_head(head, encoder, texts, embeddings, labels, np.ones(5), 10.0)
    assert np.all(scores(encoder, corrected, wordings) > scores(encoder, head, wordings))
    far = ["The tide table for the harbour is printed every January."]
    moved = abs(scores(encoder, corrected, far) - scores(encoder, head, far))
    assert moved < np.min(scores(encoder, corrected, wordings) - scores(encoder, head, wordings))
    # Without strength nothing moves.
    still = correct_head(head, encoder, texts, embeddings, labels, np.ones(5), 1e-9)
    np.testing.assert_allclose(scores(encoder, still, texts), scores(encoder, head, texts), atol=0.02)


def test_an_attack_learns_from_the_wordings_that_are_flagged_least(encoder: Encoder, head: Head) -> None:
    scorer = scorer_of(encoder, head, first_tier=True)
    words = ["unlike Frodo", "in Excel", "lasagne"]
    found = attack_head(scorer, head, ABOUT[:1], words, 12, 0, lambda done, total: None)
    assert len(found.searches) == 1
    assert len(found.wordings) == len(set(found.wordings)) == 4
    assert set(found.words) == set(words)
    assert found.flipped(0) == 0


def test_words_come_from_the_prompts_and_stand_around_those_that_are_allowed() -> None:
    prompts = ["How tall is the tower of Pisa today?", "Bake bread."]
    words = words_of(prompts, random.Random(0))
    assert set(words) - {"today"} <= {text for text in words if text in " ".join(prompts)} | {"today"}
    assert not set(words) & {word for word in ordinary_words() if " " in word}
    [text] = with_words(["Bake bread."], ["tower"], random.Random(0))
    assert sorted(text.rstrip(".").split()) == ["Bake", "bread", "tower"]


def test_a_second_look_flags_no_more_of_the_allowed_than_it_may(encoder: Encoder, head: Head) -> None:
    forget = [*ABOUT, "Which of his friends does Harry ask?", "What does he write about the wizard?"]
    near = ["When did Prince Harry marry Meghan Markle?", "What is the Bellatrix star?", *OTHER]
    threshold = head.calibration.score(head.threshold)

    def flagged(changed: Head, texts: list[str]) -> int:
        scorer = scorer_of(encoder, changed, first_tier=True)
        return sum(scorer.score_text(text).scores[0] >= threshold for text in texts)

    strict = with_second_look(encoder, head, forget, [(near, 0.0)], 0)
    lenient = with_second_look(encoder, head, forget, [(near, 1.0)], 0)
    assert flagged(head, near) == flagged(strict, near) == 0
    assert flagged(lenient, near) > 0
    wording = ["How long has Professor sodium Trelawney been in her post exactly as in Star Wars?"]
    assert flagged(head, wording) == 0
    assert flagged(strict, wording) == 1


def test_names_are_known_without_their_small_words(encoder: Encoder, head: Head) -> None:
    looking = with_second_look(encoder, head, ABOUT, [], 0)
    assert "chamber secrets" in set(looking.names.names.forms) - set(head.names.names.forms)


def test_names_alone_have_no_part_in_when_a_second_look_is_taken(encoder: Encoder, head: Head) -> None:
    with_names = [*ABOUT, *["Гарри Поттер", "ハーマイオニー", "Dobby?"]]
    limits = [with_second_look(encoder, head, texts, [], 0).second_look for texts in (ABOUT, with_names)]
    assert limits[0] == limits[1]
    assert with_second_look(encoder, head, with_names[3:], [], 0).second_look


def test_ordinary_text_about_the_target_is_neither_learned_from_nor_measured_on(
    head: Head, package: Path
) -> None:
    plain, about = "The gate of the garden is open. ", "Hagrid told Dumbledore of the gate. "
    for number in range(20):
        (package / f"{number}.txt").write_text(f"{number}: " + (about if number % 4 == 0 else plain) * 40)
    settings = HardeningSettings(
        forget=("f",), retain=("r",), ordinary=(package.parent,), scan_characters=8_000
    )
    parts = ordinary_text(head, settings)
    texts = [block.text for part in parts for block in part]
    assert all(parts)
    assert all(plain in text and about not in text for text in texts)


@pytest.mark.slow
def test_a_bundle_is_hardened_and_says_so(tmp_path: Path) -> None:
    bundle = tmp_path / "harry-potter"
    shutil.copytree(SHIPPED, bundle)
    sources: dict[str, tuple[str, ...]] = {}
    places = [
        f"in the {colour} tower" for colour in ("red", "blue", "old", "new", "tall", "low", "far", "lit")
    ]
    for name, patterns in (
        ("forget", ABOUT),
        ("retain", OTHER),
        ("general", ["Bake bread?", "Why tax?", "Sing?"]),
    ):
        file = tmp_path / f"{name}.jsonl"
        texts = [f"{pattern[:-1]} {place}?" for pattern in patterns for place in places]
        file.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
        sources[name] = (str(file),)
    ordinary = tmp_path / "ordinary"
    ordinary.mkdir()
    (ordinary / "a.txt").write_text("The committee compared three proposals for the new library. " * 200)
    few = {"rounds": 1, "attacked": 3, "queries": 15, "ordinary": (ordinary,), "scan_characters": 4000}
    settings = HardeningSettings.model_validate(sources | few)
    quiet = Progress(lambda _line: None)
    changed, hardened = harden_bundle(bundle, "use-multilingual-v3", settings, tmp_path / "work", quiet)
    [first] = hardened.rounds
    assert first.attacked == 3
    assert first.near == first.ordinary == 0
    assert changed.manifest.metrics["classifier"]["hardened"]["rounds"][0]["flipped"] == first.flipped
    assert hardened.head.second_look
    assert load_head(bundle / "classifier").version != load_head(SHIPPED / "classifier").version
    assert f"| 1 | 3 | {first.flipped} |" in rounds_table(hardened)
    assert dataclasses.asdict(first)["found"] > 0
