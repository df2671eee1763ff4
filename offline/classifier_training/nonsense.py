"""Text that makes no sense as it stands: what disguises look like before they are taken off.

A head that never met such text scores it by chance. The reading without the disguise is another text.
"""

import random

from lethe.classifier.disguises.deobfuscation import find_readings


def nonsense_forms(prompt: str, seed: int, *, in_pieces: bool) -> list[str]:
    """Some forms of a prompt that no reader would make sense of, the same for the same seed.

    Parameters
    ----------
    in_pieces
        Whether pieces of the prompt, a few letters each, and its words out of order are among them. In those of a
        prompt to forget a name may still stand whole.
    """
    choice = random.Random(f"{seed}:{prompt}")
    forms = [reading.canonical.text for reading in find_readings(prompt).found if reading.speculative]
    separator = choice.choice((" ", ".", "-", "_", " . "))
    forms.append(" ".join(separator.join(word) for word in prompt.split()))
    forms.append("".join(chr(choice.randrange(33, 127)) for _ in range(choice.randrange(8, 60))))
    if in_pieces:
        size = choice.randrange(3, 10)
        pieces = [prompt[start : start + size] for start in range(0, len(prompt), size)]
        place = choice.randrange(len(pieces))
        forms.append(" ".join(reversed(prompt.split())))
        forms += [pieces[place], "\n".join(pieces[place : place + 3]), "\n".join(pieces)]
    return [form for form in forms if form.strip()]
