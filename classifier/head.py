"""A target's head: what turns a window's tokens and embedding into the target's score.

A head is a first tier, three linear parts and a calibration, stored as ``head.safetensors`` and ``head.json``.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from lethe.bundle import Bundle
from lethe.bundle.files import replace_file
from lethe.classifier.calibration import Calibration
from lethe.classifier.disguises.shortened_names import plainest_names
from lethe.classifier.encoders.encoder import Encoder
from lethe.classifier.errors import ClassifierError
from lethe.classifier.facts import Facts
from lethe.classifier.names import COUNTED, GroupedNames, NameBank, NameWeights
from lethe.classifier.questions import QuestionBank, QuestionWeights
from lethe.classifier.tail import Tail
from lethe.classifier.token_bag import BagBank, BagWeights

SCHEMA_VERSION = 3
TENSORS_NAME = "head.safetensors"
DOCUMENT_NAME = "head.json"


@dataclass(frozen=True)
class SecondLookLimits:
    """When there is a second look at a short question, and what must come of it; see `lethe.classifier.second_look`.

    Attributes
    ----------
    score
        What is left of a question without some of its words must score as much.
    gate, lexical
        Some of its tokens alone must add up to as much in the first tier, and in the bag.
    direction
        (dimension,) float32, on the embedding of what is left, in the place of the head's own; None where that is the same.
    """

    score: float
    gate: float
    lexical: float
    direction: NDArray[np.float32] | None = field(default=None, compare=False)

    @property
    def numbers(self) -> dict[str, float]:
        """The limits by name, without the direction."""
        return {name: getattr(self, name) for name in _SECOND_LOOK_NUMBERS}


@dataclass(frozen=True)
class Head:
    """One target's head.

    The score of a window is ``embedding @ direction + sum(bag weights) / sqrt(features) + names + bias``. The first tier's is
    ``sum(token vectors) @ gate_direction / sqrt(tokens) + gate_bias``, on the rows of the encoder's token table.

    Attributes
    ----------
    direction
        (dimension,) float32, on the encoder's unit-length sentence embedding.
    bag
        What the window's tokens and pairs of tokens weigh; see `lethe.classifier.token_bag`.
    gate_direction
        (token dimension,) float32.
    pass_below
        First tier: a window whose gate score is below this is not about the target and is not encoded.
    lexical_below
        First tier: nor is one that it holds back, but that has no name in it and to whose score tokens and pairs add less than this.
    passed_probability
        The probability reported of text that the first tier let pass.
    threshold
        The probability from which the verdict is positive.
    tail
        How ordinary text scores in bulk; None where that was not measured, and then neither length raises a threshold nor is a
        name that material has in passing held back.
    second_look
        None where what is not flagged is not looked at twice.
    names
        What the target's names add; see `lethe.classifier.names`.
    questions
        What judges questions by their embedding alone; see `lethe.classifier.questions`. None where nothing does.
    entities
        Names whose occurrences are reported as spans of kind ``entity``.
    provenance
        How the head came to be; free in form, for people.
    """

    target: str
    encoder_id: str
    encoder_sha256: str
    direction: NDArray[np.float32]
    bias: float
    bag: BagWeights
    gate_direction: NDArray[np.float32]
    gate_bias: float
    pass_below: float
    lexical_below: float
    passed_probability: float
    threshold: float
    tail: Tail | None = None
    second_look: SecondLookLimits | None = None
    names: NameWeights = field(default_factory=NameWeights)
    questions: QuestionWeights | None = None
    calibration: Calibration = field(default_factory=Calibration)
    entities: tuple[str, ...] = ()
    provenance: dict[str, Any] = field(default_factory=dict)
    version: str = ""


_NUMBERS = (
    "bias",
    "gate_bias",
    "pass_below",
    "lexical_below",
    "passed_probability",
    "threshold",
)
_QUESTION_NUMBERS = ("bias", "gate_bias", "pass_below")
_SECOND_LOOK_NUMBERS = ("score", "gate", "lexical")


def head_files(head: Head) -> dict[str, bytes]:
    """The head's files by name, ready to be placed in a bundle's ``classifier/``."""
    document = {
        "schema_version": SCHEMA_VERSION,
        "target": head.target,
        "encoder": {"id": head.encoder_id, "sha256": head.encoder_sha256},
        **{name: getattr(head, name) for name in _NUMBERS},
        "calibration": head.calibration.to_document(),
        "tail": head.tail.to_document() if head.tail else None,
        **({"second_look": head.second_look.numbers} if head.second_look else {}),
        "entities": list(head.entities),
        "names": [
            {
                "adds": [float(weight) for weight in weights],
                "forms": [
                    form
                    for form, owner in zip(head.names.names.forms, head.names.names.groups, strict=True)
                    if owner == group
                ],
            }
            for group, weights in enumerate(head.names.weights)
        ],
        "provenance": head.provenance,
    }
    tensors = {
        "direction": head.direction.astype(np.float32),
        "bag_features": head.bag.features.astype(np.int32),
        "bag_weights": head.bag.weights.astype(np.float16),
        "gate_direction": head.gate_direction.astype(np.float32),
    }
    if head.questions:
        document["questions"] = {name: getattr(head.questions, name) for name in _QUESTION_NUMBERS}
        tensors["question_direction"] = head.questions.direction
        tensors["question_gate_direction"] = head.questions.gate_direction
        if facts := head.questions.facts:
            weights = [float(weight) for weight in facts.weights]
            document["facts"] = {"least": facts.least, "words": dict(zip(facts.words, weights, strict=True))}
            tensors["fact_directions"] = facts.directions.astype(np.float16)
            tensors["fact_words"] = facts.held.astype(np.int32)
    if head.second_look and head.second_look.direction is not None:
        tensors["second_look_direction"] = head.second_look.direction.astype(np.float32)
    return {
        TENSORS_NAME: save(tensors),
        DOCUMENT_NAME: (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode(),
    }


def save_head(head: Head, folder: Path) -> None:
    """Write a head's two files, each whole."""
    for name, content in head_files(head).items():
        replace_file(folder / name, content)


def head_folder(bundle: Bundle) -> Path:
    """Where a bundle's head is.

    Raises
    ------
    ClassifierError
        The bundle has none.
    """
    if bundle.classifier is None:
        raise ClassifierError(
            f"bundle {bundle.name} has no classifier; train one with `lethe classifier train`"
        )
    return bundle.classifier


def answer_head_folder(bundle: Bundle) -> Path:
    """Where a bundle's head for answers is.

    Raises
    ------
    ClassifierError
        The bundle has none.
    """
    if bundle.answer_classifier is None:
        raise ClassifierError(
            f"bundle {bundle.name} has no head for answers; train one with `lethe classifier train --answers FILE`"
        )
    return bundle.answer_classifier


def load_head(folder: Path, digests: Mapping[Path, str] | None = None) -> Head:
    """Read a head.

    Parameters
    ----------
    digests
        SHA-256 of the files by where they lie, as somebody has vouched for them.

    Raises
    ------
    ClassifierError
        A file is missing, another than was vouched for, of another schema version, or not of the form that it should have.
    """
    try:
        raw_document = (folder / DOCUMENT_NAME).read_bytes()
        raw_tensors = (folder / TENSORS_NAME).read_bytes()
    except OSError as error:
        raise ClassifierError(
            f"{folder} is not a classifier head: {error.filename} cannot be read ({error.strerror})"
        ) from None
    for name, content in ((DOCUMENT_NAME, raw_document), (TENSORS_NAME, raw_tensors)):
        if digests is not None and hashlib.sha256(content).hexdigest() != digests.get(folder / name):
            raise ClassifierError(f"{folder / name} was changed since its bundle was verified")
    try:
        document = json.loads(raw_document)
        if document.get("schema_version") != SCHEMA_VERSION:
            raise ClassifierError(
                f"schema version {document.get('schema_version')!r}; this release reads {SCHEMA_VERSION}"
            )
        tensors = load(raw_tensors)
        head = Head(
            target=document["target"],
            encoder_id=document["encoder"]["id"],
            encoder_sha256=document["encoder"]["sha256"],
            direction=tensors["direction"].astype(np.float32),
            bag=BagWeights(
                tensors["bag_features"].astype(np.int64), tensors["bag_weights"].astype(np.float32)
            ),
            names=_names_of(document["names"]),
            questions=_questions_of(document.get("questions"), document.get("facts"), tensors),
            gate_direction=tensors["gate_direction"].astype(np.float32),
            **{name: float(document[name]) for name in _NUMBERS},
            tail=Tail.from_document(document["tail"]) if document.get("tail") else None,
            second_look=_limits_of(document.get("second_look"), tensors),
            calibration=Calibration.from_document(document["calibration"]),
            entities=tuple(document["entities"]),
            provenance=document.get("provenance", {}),
            version=hashlib.sha256(raw_document + raw_tensors).hexdigest()[:12],
        )
    except (KeyError, TypeError, ValueError, SafetensorError, ClassifierError) as error:
        raise ClassifierError(
            f"classifier head in {folder} cannot be used: {error}; train it again"
        ) from None
    if len(head.bag.features) != len(head.bag.weights) or np.any(np.diff(head.bag.features) <= 0):
        raise ClassifierError(
            f"classifier head in {folder} has bag features that do not ascend or lack weights; train it again"
        )
    return head


def _limits_of(
    numbers: dict[str, float] | None, tensors: Mapping[str, NDArray[Any]]
) -> SecondLookLimits | None:
    if numbers is None:
        return None
    return SecondLookLimits(
        **{name: float(numbers[name]) for name in _SECOND_LOOK_NUMBERS},
        direction=tensors.get("second_look_direction"),
    )


def _names_of(groups: list[dict[str, Any]]) -> NameWeights:
    sizes = [len(group["forms"]) for group in groups]
    forms = tuple(str(form) for group in groups for form in group["forms"])
    names = GroupedNames(forms, np.repeat(np.arange(len(groups)), sizes), len(groups))
    weights = np.array([group["adds"] for group in groups], np.float32).reshape(-1, COUNTED)
    return NameWeights(names, weights)


def _questions_of(
    numbers: dict[str, float] | None, facts: dict[str, Any] | None, tensors: Mapping[str, NDArray[Any]]
) -> QuestionWeights | None:
    if numbers is None:
        return None
    return QuestionWeights(
        direction=tensors["question_direction"].astype(np.float32),
        gate_direction=tensors["question_gate_direction"].astype(np.float32),
        facts=_facts_of(facts, tensors),
        **{name: float(numbers[name]) for name in _QUESTION_NUMBERS},
    )


def _facts_of(document: dict[str, Any] | None, tensors: Mapping[str, NDArray[Any]]) -> Facts | None:
    if document is None:
        return None
    facts = Facts(
        directions=tensors["fact_directions"].astype(np.float32),
        words=tuple(document["words"]),
        weights=np.array([*document["words"].values()], np.float32),
        held=tensors["fact_words"].astype(np.int64),
        least=float(document["least"]),
    )
    if np.any((facts.held < 0) | (facts.held >= (len(facts.directions), len(facts.words)))):
        raise ValueError("facts hold words that are not there")
    return facts


class HeadBank:
    """The heads of all targets as a few arrays, so that a hundred cost little more than one.

    Attributes
    ----------
    thresholds
        (H,) float32, the scores from which their verdicts are positive.
    plainest_names
        For each, by first letter, that word of its names which says least by itself.
    questions
        What of them judges questions by their embedding alone.
    """

    def __init__(self, heads: Sequence[Head], encoder: Encoder) -> None:
        dimension = encoder.dimension
        for head in heads:
            if head.encoder_sha256 != encoder.sha256 or len(head.direction) != dimension:
                raise ClassifierError(
                    f"the classifier of target {head.target} was trained on encoder {head.encoder_id} "
                    f"({head.encoder_sha256[:12]}), another one than is loaded ({encoder.sha256[:12]}); "
                    "train it again, or load that encoder"
                )
        self.heads = tuple(heads)
        self.identities = tuple(f"{head.target}@{head.version}" for head in heads)
        self._directions = np.array([head.direction for head in heads], np.float32).reshape(-1, dimension)
        self._bag = BagBank([head.bag for head in heads], encoder.wordless)
        self.thresholds = np.array([_score_threshold(head, head.threshold) for head in heads], np.float32)
        in_passing = [_added_in_passing(head) for head in heads]
        self.names = NameBank([head.names for head in heads], np.array(in_passing, np.float32))
        self.plainest_names = self._plainest_names()
        self.questions = QuestionBank([head.questions for head in heads])
        self._bias = self._column("bias")
        self.gate_directions = np.array([head.gate_direction for head in heads], np.float32)
        self.gate_bias = self._column("gate_bias")
        self.pass_below = self._column("pass_below")
        self.lexical_below = self._column("lexical_below")

    def __len__(self) -> int:
        return len(self.heads)

    def thresholds_with(self, others: Mapping[str, float]) -> NDArray[np.float32]:
        """The scores from which verdicts are positive, (H,), where other probabilities are asked for some targets."""
        if others.keys().isdisjoint(head.target for head in self.heads):
            return self.thresholds
        asked = [others.get(head.target, head.threshold) for head in self.heads]
        found = [_score_threshold(*each) for each in zip(self.heads, asked, strict=True)]
        return np.array(found, np.float32)

    def lexical(self, ids: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.float32]:
        """What the tokens of N texts, one text after another and each of some length, add to their scores, (N, H)."""
        return self._bag.scores_of_each(ids, lengths)

    def token_weights(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """What each of T tokens weighs for each head, without pairs, (T, H)."""
        return self._bag.token_weights(ids)

    def score(
        self, embedding: NDArray[np.float32], ids: NDArray[np.int64], text: str, around: str | None = None
    ) -> NDArray[np.float32]:
        """Scores of a window, (H,), from its embedding (dimension,), its tokens and its text; not as a question.

        Parameters
        ----------
        around
            See `lethe.classifier.names.NameBank.scores`.
        """
        named = self.names.scores(text, around)
        return self._directions @ embedding + self._bag.scores(ids) + named + self._bias

    def _plainest_names(self) -> list[dict[str, str]]:
        # One look at a word tells of all heads, most of which do not have it.
        @cache
        def added(word: str) -> dict[int, float]:
            scores = self.names.scores(word)
            return {number: float(scores[number]) for number in scores.nonzero()[0].tolist()}

        def of_head(number: int, head: Head) -> dict[str, str]:
            return plainest_names(head.entities, lambda word: added(word).get(number, 0.0))

        return [of_head(number, head) for number, head in enumerate(self.heads)]

    def _column(self, name: str) -> NDArray[np.float32]:
        return np.array([getattr(head, name) for head in self.heads], np.float32)


def _score_threshold(head: Head, threshold: float) -> float:
    """The score from which a head's verdict is positive, where it is from this probability on."""
    return head.calibration.score(min(max(threshold, 1e-9), 1 - 1e-9))


def _added_in_passing(head: Head) -> float:
    """What names met in passing may add: as much as leaves nearly all ordinary text below the threshold."""
    return max(_score_threshold(head, head.threshold) - head.tail.score, 0) if head.tail else math.inf
