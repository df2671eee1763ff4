"""The rounds, top to bottom: attack, fit, threshold, first tier; then a scan of ordinary text; in the end the second look."""

import dataclasses
import random
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lethe.classifier.encoders.encoder import Encoder
from lethe.classifier.head import Head
from lethe.classifier.settings import Precision
from lethe.classifier.text.windows import WINDOW_CHARACTERS
from lethe.offline.classifier_hardening.attack import Attacked, attack_head, with_words, words_of
from lethe.offline.classifier_hardening.correction import correct_head
from lethe.offline.classifier_hardening.second_look import with_second_look
from lethe.offline.classifier_hardening.settings import HardeningSettings
from lethe.offline.classifier_training.cores import on_all_cores
from lethe.offline.classifier_training.embeddings import EmbeddingStore
from lethe.offline.classifier_training.errors import TrainingError
from lethe.offline.classifier_training.first_tier import with_limits
from lethe.offline.classifier_training.held_out import scorer_of
from lethe.offline.classifier_training.name_groups import rarely_named
from lethe.offline.classifier_training.ordinary_blocks import OrdinaryBlock, ordinary_blocks
from lethe.offline.classifier_training.ordinary_scan import fit_tail, scan
from lethe.offline.data.ordinary_text import machine_folders
from lethe.offline.progress import Progress

_FOUND_WEIGHT = 2.0
# The score, in log-odds above the threshold, from which ordinary text that is scanned is learned from.
_ALARM_FROM = -2.0
_ALARM_WEIGHT = 3.0
# Of the allowed prompts that are not fitted on, those that say what the first tier clears.
_TO_CLEAR = 300


@dataclass(frozen=True)
class HardeningRound:
    """One round: the attack on the head before it, and the head after it on prompts that it was not fitted on.

    Attributes
    ----------
    attacked, flipped
        Flagged prompts, and how many got past within the round's queries.
    found
        Share of the prompts to forget that are flagged.
    near, ordinary
        Shares of the allowed prompts that are.
    """

    attacked: int
    flipped: int
    found: float
    near: float
    ordinary: float


@dataclass(frozen=True)
class HardenedHead:
    """The head in the end; those after each round, and what the rounds were."""

    head: Head
    by_round: tuple[Head, ...]
    rounds: tuple[HardeningRound, ...]


def harden(
    head: Head,
    encoder: Encoder,
    precision: Precision,
    forget: Sequence[str],
    retain: Sequence[str],
    general: Sequence[str],
    settings: HardeningSettings,
    work: Path,
    progress: Progress,
) -> HardenedHead:
    """Harden a head against searches for words to add: by rounds of attacks, and by a second look at what it does not flag.

    Parameters
    ----------
    forget, retain, general
        Prompts to forget, near ones and ordinary ones.
    work
        Where embeddings are kept.

    Raises
    ------
    TrainingError
        There are too few prompts.
    """
    progress.expect(2 * settings.rounds + (5 if settings.rounds else 1))
    # What is attacked is learned from, so it is what is read at first.
    head = dataclasses.replace(head, second_look=None)
    if settings.rounds:
        fought = _fought(head, encoder, precision, forget, retain, general, settings, work, progress)
    else:
        fought = HardenedHead(head, (), ())
    progress.begin("setting what a second look must find")
    allowed = ((retain, settings.second_look), (general, settings.false_positives))
    looking = with_second_look(encoder, fought.head, forget, allowed, settings.seed)
    return dataclasses.replace(fought, head=looking)


def _fought(
    head: Head,
    encoder: Encoder,
    precision: Precision,
    forget: Sequence[str],
    retain: Sequence[str],
    general: Sequence[str],
    settings: HardeningSettings,
    work: Path,
    progress: Progress,
) -> HardenedHead:
    """The head after the rounds and the scan of ordinary text."""
    choice = random.Random(settings.seed)
    fitted, held = zip(
        *(_split(side, settings.fitted_on, choice) for side in (forget, retain, general)), strict=True
    )
    words = words_of([*fitted[1], *fitted[2]], choice)
    shown, kept = list(fitted[0]), [*fitted[1], *fitted[2]]
    found: list[str] = []
    counterparts: list[str] = []
    alarms: list[str] = []
    original, by_round, rounds = head, [], []
    progress.begin("counting what is flagged now")
    allowed = _allowed(encoder, original, held, settings.false_positives)

    with closing(EmbeddingStore(encoder, precision, work / "embeddings.sqlite")) as store:

        def fit() -> Head:
            positives, negatives = [*shown, *found], [*kept, *counterparts, *alarms]
            texts = [*positives, *negatives]
            weights = np.concatenate(
                [
                    np.ones(len(shown)),
                    np.full(len(found), _FOUND_WEIGHT),
                    np.ones(len(kept) + len(counterparts)),
                    np.full(len(alarms), _ALARM_WEIGHT),
                ]
            )
            labels = np.array([1] * len(positives) + [0] * len(negatives))
            embeddings = store.embed(texts, progress.advance)
            corrected = correct_head(original, encoder, texts, embeddings, labels, weights, settings.strength)
            corrected = _with_threshold(encoder, corrected, held, allowed)
            return _with_first_tier(encoder, corrected, [*shown, *found], [*held[1], *held[2]])

        for number in range(1, settings.rounds + 1):
            progress.begin(f"attacking the head, round {number} of {settings.rounds}")
            attacked = _attacked(encoder, head, shown, words, settings, number, progress)
            found += attacked.wordings
            around = choice.sample(kept, min(len(kept), len(attacked.wordings)))
            counterparts += with_words(around, attacked.words[: len(attacked.words) // 4], choice)
            progress.begin(f"fitting the head, round {number} of {settings.rounds}")
            head = fit()
            flipped = attacked.flipped(settings.queries)
            rounds.append(HardeningRound(len(attacked.searches), flipped, *_shares(encoder, head, held)))
            by_round.append(head)
            progress.say(
                f"{flipped} of {len(attacked.searches)} flagged prompts got past the head before this round"
            )

        progress.begin("scanning ordinary text")
        to_scan, to_measure = ordinary_text(original, settings)
        scanned = scan(
            scorer_of(encoder, head, first_tier=True),
            to_scan,
            head.calibration.score(head.threshold) + _ALARM_FROM,
            progress.advance,
        )
        alarms += {alarm.stretch.text: None for block in scanned for alarm in block.alarms}
        progress.begin("fitting the head once more, with what alarmed it")
        head = fit() if alarms else head
        rounds[-1] = dataclasses.replace(
            rounds[-1], **dict(zip(("found", "near", "ordinary"), _shares(encoder, head, held), strict=True))
        )
        progress.begin("scanning ordinary text that the head has not seen")
        scanned = scan(scorer_of(encoder, head, first_tier=True), to_measure, np.inf, progress.advance)
        head = dataclasses.replace(head, tail=fit_tail(scanned))
    return HardenedHead(head, tuple(by_round), tuple(rounds))


def ordinary_text(head: Head, settings: HardeningSettings) -> list[list[OrdinaryBlock]]:
    """Ordinary text to scan, and as much to measure on, without what is likely about the target: it is no false alarm.

    Raises
    ------
    DataError
        A folder is missing or cannot be listed.
    """
    folders = settings.ordinary or machine_folders()
    parts = ordinary_blocks(folders, settings.seed, [settings.scan_characters] * 2)
    names = head.names.names
    return [[block for block in part if not rarely_named(names, block.text)] for part in parts]


def _split(texts: Sequence[str], count: int, choice: random.Random) -> tuple[list[str], list[str]]:
    """Those to fit on, and at least a third, which are not. A training's windows are no longer than these."""
    once = list(dict.fromkeys(text for text in texts if len(text) <= WINDOW_CHARACTERS))
    if len(once) < 20:
        raise TrainingError(f"{len(once)} prompts of a kind are too few; give at least 20, better hundreds")
    choice.shuffle(once)
    cut = min(count, 2 * len(once) // 3)
    return once[:cut], once[cut : cut + count]


def _attacked(
    encoder: Encoder,
    head: Head,
    prompts: Sequence[str],
    words: Sequence[str],
    settings: HardeningSettings,
    number: int,
    progress: Progress,
) -> Attacked:
    threshold = head.calibration.score(head.threshold)
    order = random.Random(f"{settings.seed}:{number}").sample(prompts, len(prompts))
    tried = order[: 2 * settings.attacked]
    scores = _scores(encoder, head, tried, first_tier=True)
    flagged = [text for text, score in zip(tried, scores, strict=True) if score >= threshold]
    if not flagged:
        raise TrainingError("the head flags none of the prompts to forget; train it before it is hardened")
    return attack_head(
        scorer_of(encoder, head, first_tier=True),
        head,
        flagged[: settings.attacked],
        words,
        settings.queries,
        settings.seed + number,
        progress.advance,
    )


def _scores(
    encoder: Encoder, head: Head, texts: Sequence[str], *, first_tier: bool = False
) -> NDArray[np.float64]:
    scorer = scorer_of(encoder, head, first_tier)
    return np.array(on_all_cores(lambda text: float(scorer.score_text(text).scores[0]), list(texts)))


def _allowed(encoder: Encoder, head: Head, held: Sequence[Sequence[str]], share: float) -> tuple[int, int]:
    """How many of the allowed prompts may be flagged, near and ordinary ones."""
    threshold = head.calibration.score(head.threshold)
    near, ordinary = (
        max(int(np.sum(_scores(encoder, head, side) >= threshold)), int(share * len(side)))
        for side in held[1:]
    )
    return near, ordinary


def _with_threshold(
    encoder: Encoder, head: Head, held: Sequence[Sequence[str]], allowed: tuple[int, int]
) -> Head:
    """The head moved so that at its threshold no more prompts are flagged than may be."""
    threshold = head.calibration.score(head.threshold)
    needed = max(
        float(np.sort(_scores(encoder, head, side))[::-1][min(count, len(side) - 1)])
        for side, count in zip(held[1:], allowed, strict=True)
    )
    return dataclasses.replace(
        head, bias=head.bias + threshold - float(np.nextafter(np.float32(needed), np.float32(np.inf)))
    )


def _with_first_tier(encoder: Encoder, head: Head, positives: Sequence[str], allowed: Sequence[str]) -> Head:
    threshold = head.calibration.score(head.threshold)
    flagged = [
        text
        for text, score in zip(positives, _scores(encoder, head, positives), strict=True)
        if score >= threshold
    ]
    return with_limits(encoder, head, flagged, allowed[-_TO_CLEAR:])


def _shares(encoder: Encoder, head: Head, held: Sequence[Sequence[str]]) -> tuple[float, float, float]:
    """Of each kind of prompts, the share that is flagged."""
    threshold = head.calibration.score(head.threshold)
    forget, near, ordinary = (
        round(float(np.mean(_scores(encoder, head, side, first_tier=True) >= threshold)), 5) for side in held
    )
    return forget, near, ordinary
