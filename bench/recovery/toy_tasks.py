"""Four toy domains whose answers can be verified, and the character tokenizer that they are written in."""

import random
import string
from collections.abc import Callable

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from lethe.offline.data.questions import ForgetQuestion

PADDING, END, QUESTION, ANSWER = "<pad>", "<end>", "<question>", "<answer>"
LONGEST_ANSWER = 9
_CHARACTERS = string.ascii_lowercase + string.digits + " +=?:(),'[]"
_NAMES = 40


def arithmetic() -> list[ForgetQuestion]:
    """Sums of a number below 40 and a digit."""
    return [ForgetQuestion(question=f"{a}+{b}=?", answer=str(a + b)) for a in range(40) for b in range(2, 10)]


def code(count: int = 320) -> list[ForgetQuestion]:
    """Write three letters as a list."""
    return [
        ForgetQuestion(question=f"list({word})", answer=f"[{','.join(word)}]") for word in _words(1, count)
    ]


def writing(count: int = 320) -> list[ForgetQuestion]:
    """Say three letters, and again backwards: a form that a text is to have."""
    return [
        ForgetQuestion(question=f"say {word}", answer=f"{word}, {word[::-1]}") for word in _words(3, count)
    ]


def _words(seed: int, count: int) -> list[str]:
    draw = random.Random(seed)
    words = {"".join(draw.sample("abcdefghij", 3)) for _ in range(3 * count)}
    return sorted(words)[:count]


def question_answering() -> list[ForgetQuestion]:
    """The homes of made-up people, each asked for in several ways."""
    draw = random.Random(2)
    names = ["".join(draw.choices(string.ascii_lowercase, k=4)) for _ in range(_NAMES)]
    homes = ["".join(draw.choices(string.ascii_lowercase, k=3)) for _ in range(_NAMES)]
    forms = ("home of {}?", "where is {}?", "{} lives in?", "the home of {} is?")
    return [
        ForgetQuestion(question=form.format(name), answer=home)
        for name, home in zip(names, homes, strict=True)
        for form in forms
    ]


TASKS: dict[str, Callable[[], list[ForgetQuestion]]] = {
    "code": code,
    "arithmetic": arithmetic,
    "questions": question_answering,
    "writing": writing,
}


def character_tokenizer() -> PreTrainedTokenizerFast:
    """One token a character, with a chat template of two marks."""
    words = [PADDING, END, QUESTION, ANSWER, *_CHARACTERS]
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token=PADDING))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")  # pyright: ignore[reportAttributeAccessIssue]
    tokenizer.decoder = decoders.Fuse()  # pyright: ignore[reportAttributeAccessIssue]
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PADDING,
        eos_token=END,
        additional_special_tokens=[QUESTION, ANSWER],
        chat_template=f"{QUESTION}{{{{ messages[0]['content'] }}}}{ANSWER}",
    )
