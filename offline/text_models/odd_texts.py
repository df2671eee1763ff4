"""Texts that the network of odd stretches learns from: ordinary ones of this machine and made at random, and hidden questions.

Reads only packages that measurements leave to training.
"""

import gettext
import hashlib
import random
import re
import string
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path

import numpy as np

from lethe.offline.classifier_training.general_prompts import general_examples
from lethe.offline.data.files import read_json_lines
from lethe.offline.data.machine_files import machine_files, package_folders
from lethe.offline.data.ordinary_text import documents, documents_by_kind, machine_folders, part_of
from lethe.offline.data.text_files import CODE, TextKind
from lethe.offline.text_models.made_texts import client_text, data_text, structured_text
from lethe.offline.text_models.made_texts.minified import is_minified
from lethe.offline.text_models.made_texts.names import Material
from lethe.offline.text_models.odd_negatives import odd_ordinary_text
from lethe.offline.text_models.random_disguises import Family, disguised

_OF_A_KIND, _OF_BULK, _FOREIGN = 1500, 500, 4000
_CHARACTERS = 6000
# Of data in bulk, how much is code that was minified by its makers.
_SHARE_MINIFIED = 0.12
_WRITTEN: tuple[TextKind, ...] = ("docs", "manpage", "prose")
_LOCALES, _FILES_OF_A_LANGUAGE = Path("/usr/share/locale"), 6
# Endings of files that are a kind of their own.
_NUMEROUS = frozenset((".csv", ".json", ".map"))
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


class OddTexts:
    """Ordinary texts, and ways to hide some of them.

    Parameters
    ----------
    data
        The folder with tofu/, whose questions are hidden.
    folders
        Folders of packages beside those of the machine.
    words
        Ordinary words, the commonest first.
    """

    def __init__(
        self, data: Path, words: Sequence[str], noise: random.Random, folders: Sequence[Path] = ()
    ) -> None:
        self._noise = noise
        self._folders = (*machine_folders(), *folders)
        self._of_files = (*package_folders(), *folders)
        streams = documents_by_kind(self._folders, seed=3, part="train", maximum_characters=_CHARACTERS)
        self._documents = {
            kind: [each.text for each in islice(found, _OF_A_KIND) if not _sets_limits(each.origin)]
            for kind, found in streams.items()
        }
        self._minified = list(filter(is_minified, self._documents["javascript"]))
        by_ending: dict[str, list[str]] = {}
        for ending, package, text in machine_files(
            "train", seed=3, characters=_CHARACTERS, folders=self._of_files
        ):
            if not _sets_limits(package):
                by_ending.setdefault(ending, []).append(text)
        # Endings with few files are of kinds as common as the others.
        self._files = list(by_ending.values())
        written = chain.from_iterable(
            documents(self._folders, seed=5, part="train", kinds=(kind,), maximum_characters=4000)
            for kind in _WRITTEN
        )
        foreign = [each for each in written if each.language != "en"][:_FOREIGN]
        self._foreign = [each.text for each in foreign if not _sets_limits(each.origin)]
        self._foreign += list(_translations(noise))
        short = [example.text for example in general_examples()]
        self._short = [text for text in short if not _sets_limits(text)]
        self._short_for_limits = list(filter(_sets_limits, short))
        self.words = [
            word for word in words if len(word) > 2 and word.isascii() and word.isalpha() and word.islower()
        ][:12_000]
        prose = (*self._foreign, *self._documents["prose"], *self._documents["docs"][:600])
        sentences = (" ".join(each.split()) for text in prose for each in _SENTENCE.split(text))
        self._sentences = [each for each in sentences if 40 < len(each) < 200]
        latin = list(filter(_in_latin_letters, self._sentences))
        self._questions = [*_questions(data), *noise.sample(latin, min(5000, len(latin)))]
        texts = [text for found in (*self._documents.values(), *self._files) for text in found]
        code = [text for kind in CODE for text in self._documents[kind]]
        self._material = Material(self.words, latin, noise.sample(texts, min(4000, len(texts))), code)

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
        if drawn < 0.24:
            kinds = [kind for kind, found in self._documents.items() if found]
            text = self._piece(noise.choice(self._documents[noise.choice(kinds)]))
        elif drawn < 0.36:
            text = self._piece(noise.choice(noise.choice(self._files)))
        elif drawn < 0.47:
            text = self._piece(noise.choice(self._foreign))
        elif drawn < 0.53:
            text = noise.choice(self._questions if noise.random() < 0.5 else self._sentences)
        elif drawn < 0.58:
            text = self._piece(noise.choice(self._short))
        elif drawn < 0.68:
            text = odd_ordinary_text(noise, self.words)[:1600]
        elif drawn < 0.77:
            text = self._piece(structured_text(noise, self._material))
        elif drawn < 0.9:
            text = self._piece(
                noise.choice(self._minified)
                if self._minified and noise.random() < _SHARE_MINIFIED
                else data_text(noise, self._material)
            )
        else:
            text = self._piece(client_text(noise, self._material))
        if noise.random() < 0.12:
            text += "\n" + self._piece(odd_ordinary_text(noise, self.words))
        return self._framed(text, 0.15)

    def _piece(self, text: str) -> str:
        length = int(np.exp(self._noise.uniform(np.log(60), np.log(1400))))
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

    def bulk(self, characters: int, *, for_limits: bool) -> Iterator[tuple[str, str]]:
        """Long ordinary texts with what kind each is: files of the machine, prompts, and what is made.

        Parameters
        ----------
        characters
            Of a text, at most.
        for_limits
            Whether of the packages that nothing else is learned from, or of the others.
        """
        streams = documents_by_kind(self._folders, seed=7, part="train", maximum_characters=characters)
        for kind, found in streams.items():
            for each in islice(found, _OF_BULK):
                if _sets_limits(each.origin) == for_limits:
                    if kind == "javascript" and is_minified(each.text):
                        yield "minified", each.text
                    else:
                        foreign = kind in _WRITTEN and each.language != "en"
                        yield "another language" if foreign else kind, each.text
        for ending, package, text in machine_files(
            "train", seed=7, characters=characters, folders=self._of_files
        ):
            if _sets_limits(package) == for_limits:
                yield f"files, {ending}" if ending in _NUMEROUS else "files", text
        yield from (("short", text) for text in (self._short_for_limits if for_limits else self._short))
        noise = self._noise
        for _ in range(2 * _OF_BULK):
            yield "records", structured_text(noise, self._material)
            yield "of clients", client_text(noise, self._material)
            yield "data", data_text(noise, self._material)
            yield "odd", odd_ordinary_text(noise, self.words)


def _sets_limits(package: str) -> bool:
    """Whether a package is kept from what the network learns, to set its limits on."""
    return hashlib.blake2b(package.casefold().encode(errors="replace")).digest()[1] % 4 == 0


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


def _questions(data: Path) -> list[str]:
    rows = [
        row
        for name in ("full", "real_authors", "world_facts")
        for row in read_json_lines(data / f"tofu/{name}.json")
    ]
    return [text for row in rows for text in (row["question"], row["answer"][:220])]
