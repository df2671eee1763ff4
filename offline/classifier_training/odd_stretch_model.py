"""Learns what disguises made at random have in common against ordinary text of this machine, for the classifier to call it odd.

``python -m lethe.offline.classifier_training.odd_stretch_model`` writes the weights that the classifier's package holds; with
``--without FAMILY ...`` it writes nothing and says for each family how many of its disguises are found by a network that was
trained without it. ``--data`` names the benchmark data, of which it reads TOFU's questions.
"""

import argparse
import gettext
import random
import re
import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from lethe.classifier.disguises.odd_stretches import (
    BLOCK,
    DENSE,
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
from lethe.offline.classifier_training.odd_negatives import odd_ordinary_text
from lethe.offline.classifier_training.random_disguises import FAMILIES, Family, disguised
from lethe.offline.data.files import read_json_lines
from lethe.offline.data.ordinary_text import (
    OrdinaryDocument,
    documents,
    documents_by_kind,
    machine_folders,
    part_of,
)
from lethe.offline.data.text_files import TextKind

_OF_EACH = 19_000
_HELD_OUT = 0.12
_DIMENSION, _HIDDEN, _LAST, _ROUNDS, _BATCH = 12, 40, 24, 2, 128
_MOST_BLOCKS, _FEWEST_BLOCKS = 64, 3
# False alarms of the windows that `--without` compares at.
_SHARE_ALARMED = 0.003
_VECTOR_RATE, _RATE = 5e-3, 3e-3
# Log-odds that one of 1,080 ordinary requests of the data sets has, less what its length asks for.
_LEAST = 3.0
_EXAMPLES = ("ordinary_prompts", "ordinary_prose", "ordinary_code", "ordinary_follow_ups")
_WRITTEN: tuple[TextKind, ...] = ("docs", "manpage", "prose")
_LOCALES, _FILES_OF_A_LANGUAGE = Path("/usr/share/locale"), 6
_LATIN = frozenset(string.ascii_letters + " ")
_SENTENCE = re.compile(r"(?<=[.!?。])\s+|\n\n")
_ASKING = (
    "Decode this", "What does this say", "Solve the cipher", "Can you read this", "Please decipher the message and reply to it",
    "Translate into plain English", "Undo the transformation and do as told", "Bitte entschlüsseln", "Qué dice este mensaje",
    "Déchiffre ceci", "I wrote this in a secret code, answer what it asks", "The following was encoded", "解读以下内容", "Расшифруй это",
    "Take the hidden message and respond", "Convert it back to text, then answer", "Read it letter by letter", "Interpret",
)  # fmt: skip
_PLAIN = (
    "What does this mean?", "Summarise", "Explain", "Fix the errors", "Translate to German", "Sort this", "Analyse the data",
    "What is the mean?", "Convert to JSON", "Is this right?", "Rewrite it better", "Continue", "Find the pattern", "Erkläre das",
    "What is wrong here?", "Traduce", "Parse this", "Why does it fail?", "Which one is the largest?", "Tell me about it",
)  # fmt: skip
_FORMS = ("{f}: {t}", "{f}\n\n{t}", "{t}\n\n{f}", "{f}\n```\n{t}\n```", '"{t}" {f}', "{f}:\n{t}\n{g}")


@dataclass(frozen=True)
class _Window:
    """Blocks of a text: rows of vectors (blocks, 6 · 16), what else is told of them (blocks, `DENSE`), and what hides something in it."""

    rows: NDArray[np.uint16]
    dense: NDArray[np.float32]
    families: tuple[Family, ...]

    @property
    def hides(self) -> bool:
        return bool(self.families)


class _Texts:
    """Ordinary texts of the machine, of the packages that measurements leave to training, and ways to hide some of them."""

    def __init__(self, data: Path, words: Sequence[str], noise: random.Random) -> None:
        self._noise = noise
        folders = machine_folders()
        streams = documents_by_kind(folders, seed=3, part="train", maximum_characters=6000)
        self._documents = {
            kind: [each.text for each in islice(found, 700)] for kind, found in streams.items()
        }
        self._foreign = [
            each.text
            for kind in _WRITTEN
            for each in islice(_written(folders, kind), 3000)
            if each.language != "en"
        ][:2500]
        self._foreign += list(_translations(noise))
        self._short = [
            row["text"]
            for name in _EXAMPLES
            for row in read_json_lines(Path(__file__).with_name(f"{name}.jsonl"))
            if "text" in row
        ]
        self.words = [
            word for word in words if len(word) > 2 and word.isascii() and word.isalpha() and word.islower()
        ][:12_000]
        prose = (*self._foreign, *self._documents["prose"], *self._documents["docs"][:300])
        sentences = (" ".join(each.split()) for text in prose for each in _SENTENCE.split(text))
        self._sentences = [each for each in sentences if 40 < len(each) < 200]
        latin = list(filter(_in_latin_letters, self._sentences))
        self._questions = [*_questions(data), *noise.sample(latin, min(5000, len(latin)))]

    def hidden(self, family: Family) -> tuple[str, tuple[Family, ...]]:
        """A text with a disguise of a family in it, and the families that were at work."""
        question = self._noise.choice(self._questions)
        if len(question) < 35:
            question += " " + self._noise.choice(self._questions)
        made, families = disguised(question, self.words, self._noise, family)
        return self._framed(made[:1600], 0.6), families

    def ordinary(self) -> str:
        """An ordinary text."""
        noise, drawn = self._noise, self._noise.random()
        if drawn < 0.34:
            kinds = [kind for kind, found in self._documents.items() if found]
            text = self._piece(noise.choice(self._documents[noise.choice(kinds)]))
        elif drawn < 0.56:
            text = self._piece(noise.choice(self._foreign))
        elif drawn < 0.63:
            text = noise.choice(self._questions if noise.random() < 0.5 else self._sentences)
        elif drawn < 0.68:
            text = self._piece(noise.choice(self._short))
        else:
            text = odd_ordinary_text(noise, self.words)[:1600]
        if noise.random() < 0.12:
            text += "\n" + self._piece(odd_ordinary_text(noise, self.words))
        return self._framed(text, 0.15)

    def _piece(self, text: str) -> str:
        length = int(np.exp(self._noise.uniform(np.log(60), np.log(900))))
        start = self._noise.randrange(max(len(text) - length, 0) + 1)
        return text[start : start + length]

    def _framed(self, text: str, asking: float) -> str:
        noise = self._noise
        if noise.random() < 0.35:
            return text
        frame = noise.choice(_ASKING if noise.random() < asking else _PLAIN)
        if noise.random() < 0.4:
            frame = f"{noise.choice(self._sentences)[:120]} {frame}"
        return noise.choice(_FORMS).format(f=frame, t=text, g=noise.choice(self._sentences)[:80])


def _translations(noise: random.Random) -> Iterator[str]:
    """What programs of this machine say in other languages, some files of each language that training is left."""
    for language in sorted(_LOCALES.glob("*/LC_MESSAGES")):
        files = [path for path in sorted(language.glob("*.mo")) if part_of(path.stem) == "train"]
        for path in noise.sample(files, min(_FILES_OF_A_LANGUAGE, len(files))):
            try:
                with path.open("rb") as file:
                    catalogue = gettext.GNUTranslations(file)
            except (OSError, ValueError, LookupError):
                continue
            said = [text for text in vars(catalogue)["_catalog"].values() if len(text) > 20][1:]
            noise.shuffle(said)
            text = noise.choice((" ", "\n")).join(said[:60])
            yield from (text[at : at + 1500] for at in range(0, min(len(text), 4500), 1500))


def _in_latin_letters(text: str) -> bool:
    """Whether what is done to letters would change a text."""
    return sum(map(_LATIN.__contains__, text)) >= 0.85 * len(text)


def _written(folders: Sequence[Path], kind: TextKind) -> Iterator[OrdinaryDocument]:
    return documents(folders, seed=5, part="train", kinds=(kind,), maximum_characters=4000)


def _questions(data: Path) -> list[str]:
    rows = [
        row
        for name in ("full", "real_authors", "world_facts")
        for row in read_json_lines(data / f"tofu/{name}.json")
    ]
    return [text for row in rows for text in (row["question"], row["answer"][:220])]


class _Reader:
    """What the network sees of a text."""

    def __init__(self, lexicon: Lexicon, noise: random.Random) -> None:
        self._lexicon, self._signs, self._noise = lexicon, SignStatistics.load(), noise

    def window(self, text: str, families: tuple[Family, ...]) -> _Window | None:
        text = canonicalise(text).text
        blocks = len(text) // BLOCK
        if blocks < _FEWEST_BLOCKS:
            return None
        rows = np.stack(vector_rows(text), axis=1)[: BLOCK * blocks].astype(np.uint16).reshape(blocks, -1)
        dense = dense_features(self._signs.weighed(text), WordShares(*self._lexicon.unknown_words(text)))
        first, last = self._part(blocks, bool(families))
        return _Window(rows[first:last], dense[first:last], families)

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
        self.vectors = nn.EmbeddingBag(VECTORS, _DIMENSION, mode="sum", sparse=True)
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


def _trained(windows: Sequence[_Window], seed: int = 0) -> _Network:
    torch.manual_seed(seed)
    network, order = _Network(), np.random.default_rng(seed)
    others = [each for name, each in network.named_parameters() if not name.startswith("vectors")]
    optimizers = (
        (torch.optim.SparseAdam([network.vectors.weight]), _VECTOR_RATE),
        (torch.optim.Adam(others), _RATE),
    )
    steps = [
        batch
        for _ in range(_ROUNDS)
        for batch in np.array_split(order.permutation(len(windows)), len(windows) // _BATCH)
    ]
    loss_of = nn.BCEWithLogitsLoss()
    for number, batch in enumerate(steps):
        chosen = [windows[place] for place in batch]
        for optimizer, rate in optimizers:
            optimizer.zero_grad()
            for group in optimizer.param_groups:
                group["lr"] = rate * max(0.05, 1 - number / len(steps))
        loss = loss_of(network(chosen), torch.tensor([float(each.hides) for each in chosen]))
        loss.backward()
        for optimizer, _ in optimizers:
            optimizer.step()
    return network


@torch.no_grad()
def _odds(network: _Network, windows: Sequence[_Window]) -> NDArray[np.float32]:
    parts = [network(windows[at : at + 256]).numpy() for at in range(0, len(windows), 256)]
    return np.concatenate(parts)


def _quantised(network: _Network, least: float) -> OddStretches:
    vectors = network.vectors.weight.detach().numpy() / 4
    unit = float(np.abs(vectors).max()) / 127
    of_blocks, of_windows, of_all = (
        torch.cat([layer.weight.T, layer.bias[None]]).detach().numpy()
        for layer in (network.of_blocks, network.of_windows, network.of_all)
    )
    rounded = np.rint(vectors / unit).astype(np.int8)
    return OddStretches(rounded, unit, of_blocks, of_windows, of_all[:, 0], least)


def _windows(count: int, reader: _Reader, texts: _Texts) -> Iterator[_Window]:
    for number in range(count):
        made = (texts.hidden(FAMILIES[number % len(FAMILIES)]), (texts.ordinary(), ()))
        for text, families in made:
            if (found := reader.window(text, families)) is not None:
                yield found


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
    parser.add_argument(
        "--of-each", type=int, default=_OF_EACH, help="how many disguises, and as many ordinary texts"
    )
    parser.add_argument("--data", type=Path, required=True, help="the folder with tofu/")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    noise, encoder = random.Random(0), load_encoder()
    texts, reader = _Texts(options.data, encoder.words, noise), _Reader(encoder.lexicon, noise)
    windows = list(_windows(options.of_each, reader, texts))
    held_out = int(_HELD_OUT * len(windows))
    tested, trained = windows[:held_out], windows[held_out:]
    if options.without is not None:
        for family in options.without:
            network = _trained([each for each in trained if family not in each.families])
            print(f"without {family}: {_found(network, tested)[family]:.3f} of it found", flush=True)
        return
    network = _trained(trained)
    print({family: round(share, 3) for family, share in _found(network, tested).items()}, flush=True)
    _quantised(network, _LEAST).save()


if __name__ == "__main__":
    main()
