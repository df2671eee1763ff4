"""How many questions about the shipped target are found where they are drawn as pictures: ``make bench-pictures``.

A picture is read as the proxy reads it, and what was read is judged as a prompt.
"""

import random
import time
from collections.abc import Mapping, Sequence

import numpy as np

from bench.classifier.data import harry_potter_negatives, harry_potter_questions
from bench.classifier.drawn_text import DRAWINGS, Drawing
from bench.classifier.verdicts import flags
from bench.page import machine, table, write_section
from bench.repository import HARRY_POTTER
from lethe.classifier.conversation import Conversation
from lethe.classifier.encoders.loading import load_encoder
from lethe.classifier.head import load_head
from lethe.offline.metrics.intervals import counted
from lethe.server.media.images import image_text, load_models
from lethe.server.settings.reading import MediaSettings

_HEAD = HARRY_POTTER / "classifier"
_EACH = 12
_LONGEST = 200


def main() -> None:
    encoder, head = load_encoder(), load_head(_HEAD)
    load_models()

    def flagged(texts: Sequence[str]) -> list[bool]:
        return flags(encoder, head, [Conversation.from_prompt(text) for text in texts]).tolist()

    asked = _short(harry_potter_questions())
    typed = [question for question, found in zip(asked, flagged(asked), strict=True) if found]
    ordinary = _short(harry_potter_negatives())
    wrongly = sum(flagged([text for number, _ in enumerate(DRAWINGS) for text in _some(ordinary, number)]))
    seconds: list[float] = []
    rows: list[list[str]] = []
    totals = np.zeros(4, int)
    for number, drawing in enumerate(DRAWINGS):
        found = flagged([_read(drawing, text, seconds) for text in _some(typed, number)])
        wrong = flagged([_read(drawing, text, seconds) for text in _some(ordinary, number)])
        counts = np.array([sum(found), len(found), sum(wrong), len(wrong)])
        totals += counts
        rows.append([drawing.name, *_cells(counts)])
        print(rows[-1], flush=True)
    rows.append(["**all**", *_cells(totals)])
    milliseconds = 1000 * np.array(seconds)
    explanation = (
        f"{machine('rapidocr-onnxruntime', 'onnxruntime', 'pillow')}. Questions of MUSE-Books that are found as text "
        f"({len(typed)} of {len(asked)}), and prompts that have nothing to do with the books, all of {_LONGEST} characters at "
        f"most, of which {wrongly} are flagged as text; {_EACH} of both are drawn in each way, and what the OCR reads is judged as a prompt. A way that differs from *as a screenshot* "
        "(black on white, 28 pixels) does so in what its name says. In parentheses: the 95 % interval. A picture took "
        f"{np.median(milliseconds):.0f} ms of processor time in the median, {np.quantile(milliseconds, 0.99):.0f} ms at the "
        f"99th percentile ({len(seconds)} pictures)."
    )
    write_section(
        "security.md",
        "Questions drawn as pictures",
        "make bench-pictures",
        f"{explanation}\n\n{table(['drawn', 'found', 'ordinary wrongly flagged'], rows)}",
    )


def _short(sets: Mapping[str, Sequence[str]]) -> list[str]:
    """The texts of all sets that fit a picture, in an order that mixes them."""
    texts = [text for texts in sets.values() for text in texts if len(text) <= _LONGEST]
    random.Random(0).shuffle(texts)
    return texts


def _some(texts: Sequence[str], number: int) -> list[str]:
    """Other texts for each way, as far as there are enough."""
    return [texts[(number * _EACH + place) % len(texts)] for place in range(_EACH)]


def _read(drawing: Drawing, text: str, seconds: list[float]) -> str:
    picture = drawing.draw(text)
    began = time.process_time()
    read = image_text(picture, MediaSettings().max_pixels)
    seconds.append(time.process_time() - began)
    return read


def _cells(counts: np.ndarray) -> list[str]:
    found, questions, wrong, ordinary = counts.tolist()
    return [counted(found, questions), counted(wrong, ordinary)]


if __name__ == "__main__":
    main()
