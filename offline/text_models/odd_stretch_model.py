"""Learns what disguises made at random have in common against ordinary text of this machine, for the classifier to call it odd.

``python -m lethe.offline.text_models.odd_stretch_model`` writes the weights that the classifier's package holds; with
``--without FAMILY ...`` it writes nothing and says for each family how many of its disguises are found by a network that was
trained without it. ``--data`` names the benchmark data, of which it reads TOFU's questions.
"""

import argparse
import heapq
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from lethe.classifier.disguises.odd_stretches import (
    BLOCK,
    DENSE,
    LENGTHS,
    SIZES,
    VECTORS,
    OddStretches,
    WordShares,
    dense_features,
    vector_rows,
)
from lethe.classifier.disguises.spelling import Lexicon
from lethe.classifier.encoders.loading import load_encoder
from lethe.classifier.text.canonical import canonicalise
from lethe.classifier.text.sign_statistics import SignStatistics
from lethe.offline.text_models.odd_limits import learned_limits
from lethe.offline.text_models.odd_texts import OddTexts
from lethe.offline.text_models.random_disguises import FAMILIES, Family

# Disguises, and ordinary texts for each of them.
_HIDDEN_TEXTS, _ORDINARY_EACH = 56_000, 1.5
_HELD_OUT = 0.06
_DIMENSION, _HIDDEN, _LAST, _BATCH = 16, 48, 32, 128
# How often each window is seen, and after that with what alarms of long ordinary texts, found so often.
_ROUNDS, _FIRST_SHARE = 3, 0.4
_SEARCHES, _MOST_ALARMS, _OF_A_TEXT, _LEAST_ALARM = 2, 8_000, 2, -2.0
_BULK_CHARACTERS = 4_000
_MOST_BLOCKS, _FEWEST_BLOCKS = 64, 3
# False alarms of the windows that `--without` compares at.
_SHARE_ALARMED = 0.003
_VECTOR_RATE, _RATE = 5e-3, 3e-3


@dataclass(frozen=True)
class _Window:
    """Blocks of a text: rows of vectors (blocks, 6 · 16), what else is told of them (blocks, `DENSE`), and what hides something in it."""

    rows: NDArray[np.uint16]
    dense: NDArray[np.float32]
    families: tuple[Family, ...]

    @property
    def hides(self) -> bool:
        return bool(self.families)


class _Reader:
    """What the network sees of a text."""

    def __init__(self, lexicon: Lexicon, noise: random.Random) -> None:
        self._lexicon, self._signs, self._noise = lexicon, SignStatistics.load(), noise

    def window(self, text: str, families: tuple[Family, ...]) -> _Window | None:
        text = canonicalise(text).text
        blocks = len(text) // BLOCK
        return (
            self._cut(text, *self._part(blocks, bool(families)), families)
            if blocks >= _FEWEST_BLOCKS
            else None
        )

    def oddest(self, detector: OddStretches, text: str) -> NDArray[np.float32]:
        """The highest log-odds of a text's windows, by size, (`SIZES`,)."""
        text = canonicalise(text).text
        _, _, sizes, odds = detector.windows(self._signs.weighed(text), self._words(text))
        found = np.full(SIZES, -np.inf, np.float32)
        np.maximum.at(found, sizes, odds)
        return found

    def alarms(self, detector: OddStretches, text: str) -> list[tuple[float, _Window]]:
        """The oddest windows of an ordinary text, which share no block, and how odd each is."""
        text = canonicalise(text).text
        starts, ends, _, odds = detector.windows(self._signs.weighed(text), self._words(text))
        found: list[tuple[float, int, int]] = []
        for place in np.argsort(-odds):
            start, end, odd = int(starts[place]), int(ends[place]), float(odds[place])
            if odd < _LEAST_ALARM or len(found) == _OF_A_TEXT:
                break
            if all(end <= first or last <= start for _, first, last in found):
                found.append((odd, start, end))
        return [(odd, self._cut(text, start, end, ())) for odd, start, end in found]

    def _cut(self, text: str, first: int, last: int, families: tuple[Family, ...]) -> _Window:
        blocks = len(text) // BLOCK
        rows = np.stack(vector_rows(text), axis=1)[: BLOCK * blocks].astype(np.uint16).reshape(blocks, -1)
        dense = dense_features(self._signs.weighed(text), self._words(text))
        return _Window(rows[first:last].copy(), dense[first:last].copy(), families)

    def _words(self, text: str) -> WordShares:
        return WordShares(*self._lexicon.unknown_words(text))

    def _part(self, blocks: int, hides: bool) -> tuple[int, int]:
        size = min(blocks, _MOST_BLOCKS)
        # Windows begin and end amid what is hidden too; most of one is to be left.
        if self._noise.random() < 0.5:
            size = self._noise.randint(max(_FEWEST_BLOCKS, size // 2 if hides else min(12, size)), size)
        first = self._noise.randint(0, blocks - size)
        return first, first + size


class _Network(nn.Module):
    """As `OddStretches`, in single precision."""

    def __init__(self) -> None:
        super().__init__()
        self.vectors = nn.EmbeddingBag(VECTORS, _DIMENSION, mode="sum")
        nn.init.normal_(self.vectors.weight, 0, 0.02)
        self.of_blocks = nn.Linear(_DIMENSION + DENSE, _HIDDEN)
        self.of_windows = nn.Linear(2 * _HIDDEN, _LAST)
        self.of_all = nn.Linear(_LAST, 1)

    def forward(self, windows: Sequence[_Window]) -> torch.Tensor:
        rows = torch.from_numpy(np.concatenate([each.rows for each in windows]).astype(np.int32))
        dense = torch.from_numpy(np.concatenate([each.dense for each in windows]))
        counts = torch.tensor([len(each.dense) for each in windows])
        owner = torch.arange(len(windows)).repeat_interleave(counts)
        shown = torch.relu(self.of_blocks(torch.cat([self.vectors(rows) / 4, dense], 1)))
        mean, square = (
            torch.zeros(len(windows), _HIDDEN).index_add_(0, owner, each) / counts[:, None]
            for each in (shown, shown * shown)
        )
        spread = torch.sqrt(torch.relu(square - mean * mean) + 1e-4)
        return self.of_all(torch.relu(self.of_windows(torch.cat([mean, spread], 1))))[:, 0]


def _trained(windows: Sequence[_Window], rounds: int = _ROUNDS, seed: int = 0) -> _Network:
    torch.manual_seed(seed)
    network, order = _Network(), np.random.default_rng(seed)
    others = [each for name, each in network.named_parameters() if not name.startswith("vectors")]
    optimizer = torch.optim.Adam(
        [{"params": [network.vectors.weight], "rate": _VECTOR_RATE}, {"params": others, "rate": _RATE}]
    )
    steps = [
        batch
        for _ in range(rounds)
        for batch in np.array_split(order.permutation(len(windows)), len(windows) // _BATCH)
    ]
    loss_of = nn.BCEWithLogitsLoss()
    for number, batch in enumerate(steps):
        chosen = [windows[place] for place in batch]
        optimizer.zero_grad()
        for group in optimizer.param_groups:
            group["lr"] = group["rate"] * max(0.05, 1 - number / len(steps))
        loss_of(network(chosen), torch.tensor([float(each.hides) for each in chosen])).backward()
        optimizer.step()
    return network


@torch.no_grad()
def _odds(network: _Network, windows: Sequence[_Window]) -> NDArray[np.float32]:
    parts = [network(windows[at : at + 256]).numpy() for at in range(0, len(windows), 256)]
    return np.concatenate(parts)


def _quantised(network: _Network) -> OddStretches:
    vectors = network.vectors.weight.detach().numpy() / 4
    unit = float(np.abs(vectors).max()) / 127
    of_blocks, of_windows, of_all = (
        torch.cat([layer.weight.T, layer.bias[None]]).detach().numpy()
        for layer in (network.of_blocks, network.of_windows, network.of_all)
    )
    rounded = np.rint(vectors / unit).astype(np.int8)
    nothing_is_odd = np.full((len(LENGTHS), SIZES), np.inf, np.float32)
    return OddStretches(rounded, unit, of_blocks, of_windows, of_all[:, 0], nothing_is_odd)


def _windows(count: int, reader: _Reader, texts: OddTexts) -> Iterator[_Window]:
    due = 0.0
    for number in range(count):
        due += _ORDINARY_EACH
        made = [texts.hidden(FAMILIES[number % len(FAMILIES)])]
        while due >= 1:
            made.append((texts.ordinary(), ()))
            due -= 1
        for text, families in made:
            if (found := reader.window(text, families)) is not None:
                yield found


def _alarms(network: _Network, reader: _Reader, bulk: Iterable[tuple[str, str]]) -> list[_Window]:
    """What of long ordinary texts is oddest to a network."""
    detector = _quantised(network)
    found = [alarm for _, text in bulk for alarm in reader.alarms(detector, text)]
    return [window for _, window in heapq.nlargest(_MOST_ALARMS, found, key=lambda alarm: alarm[0])]


def _with_limits(
    detector: OddStretches, reader: _Reader, texts: OddTexts
) -> tuple[OddStretches, dict[str, list[str]]]:
    """The detector with limits that few ordinary texts of any kind reach, and by kind how many do, by length.

    The texts are of packages that nothing was learned from; of each its beginning is judged, at every length.
    """
    kinds: list[str] = []
    oddest: list[list[NDArray[np.float32]]] = []
    for kind, text in texts.bulk(LENGTHS[-1], for_limits=True):
        kinds.append(kind)
        oddest.append([reader.oddest(detector, text[:length]) for length in LENGTHS])
    found = np.array(oddest)  # (texts, LENGTHS, SIZES)
    detector = replace(detector, least=learned_limits(found, kinds))
    odd: NDArray[np.bool_] = np.any(found >= detector.least, axis=2)
    reached: dict[str, list[str]] = {}
    for kind in dict.fromkeys(kinds):
        of_it = np.equal(np.array(kinds), kind)
        reached[kind] = [f"{odd[of_it, at].sum()}/{of_it.sum()}" for at in range(len(LENGTHS))]
    return detector, reached


def _save_with_limits(detector: OddStretches, reader: _Reader, texts: OddTexts) -> None:
    detector, reached = _with_limits(detector, reader, texts)
    detector.save()
    print(f"limits by length and size: {detector.least.round(2).tolist()}", flush=True)
    for kind, counts in reached.items():
        print(f"odd of {kind}: {', '.join(counts)}", flush=True)


def _found(network: _Network, windows: Sequence[_Window]) -> dict[Family, float]:
    """By family of the last operation, the share that is above all but few ordinary windows."""
    odds = _odds(network, windows)
    ordinary = np.sort(odds[[not window.hides for window in windows]])
    least = ordinary[-max(int(_SHARE_ALARMED * len(ordinary)), 1)]
    found: dict[Family, float] = {}
    for family in FAMILIES:
        of_it = np.array([window.families[-1:] == (family,) for window in windows])
        found[family] = float((odds[of_it] > least).mean())
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Train on all families and write the weights, or leave families out in turn and say what of each is found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--without", nargs="*", choices=FAMILIES, help="families to leave out, each in turn")
    parser.add_argument("--limits", action="store_true", help="only learn the limits anew")
    parser.add_argument("--hidden", type=int, default=_HIDDEN_TEXTS, help="how many disguises")
    parser.add_argument("--data", type=Path, required=True, help="the folder with tofu/")
    parser.add_argument(
        "--folders", type=Path, nargs="*", default=[], help="folders of packages beside this machine's"
    )
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    noise, encoder = random.Random(0), load_encoder()
    texts, reader = (
        OddTexts(options.data, encoder.words, noise, options.folders),
        _Reader(encoder.lexicon, noise),
    )
    if options.limits:
        _save_with_limits(OddStretches.load(), reader, texts)
        return
    windows = list(_windows(options.hidden, reader, texts))
    held_out = int(_HELD_OUT * len(windows))
    tested, trained = windows[:held_out], windows[held_out:]
    print(f"{len(trained)} windows", flush=True)
    if options.without is not None:
        for family in options.without:
            network = _trained([each for each in trained if family not in each.families])
            print(f"without {family}: {_found(network, tested)[family]:.3f} of it found", flush=True)
        return
    first = trained[: int(_FIRST_SHARE * len(trained))]
    for search in range(_SEARCHES):
        network = _trained(first, rounds=1)
        alarms = _alarms(network, reader, texts.bulk(_BULK_CHARACTERS, for_limits=False))
        print(f"{len(alarms)} alarms in search {search + 1}", flush=True)
        first, trained = first + alarms, trained + alarms
    network = _trained(trained)
    print({family: round(share, 3) for family, share in _found(network, tested).items()}, flush=True)
    _save_with_limits(_quantised(network), reader, texts)


if __name__ == "__main__":
    main()
