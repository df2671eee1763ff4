"""Answers to learn from, with what they answer, and what a head for answers will see of them."""

import random
from collections.abc import Callable, Iterator, Sequence

import pydantic

from lethe.classifier.conversation import Conversation
from lethe.classifier.exchange import Exchange, exchange_passages
from lethe.classifier.text.canonical import canonicalise
from lethe.classifier.text.sentences import split_sentences
from lethe.offline.classifier_training.embeddings import Stretch
from lethe.offline.classifier_training.windows import TrainingWindow

# In characters. What is shorter and names nothing of the target, as "in March", tells of it only with its question.
_TELLS_BY_ITSELF = 60
# Ordinary text as answers, in characters; most answers are short.
_LENGTHS = (20, 60, 150, 400, 1000)
_BRIEFLY = (
    "Yes.", "No.", "I do not know.", "It depends.", "Sure! Here is a short one.", "In 1889.", "About three hundred kilometres.", "42",
    "Two.", "Paris", "In the library.", "A small dog.", "It was a present from her brother.", "Nearly sixty years.", "Because it rained.",
    "The second one.", "Red and white.", "My answer is the same as before.", "I'm sorry, but I can't help with that.", "Thursday",
    "As an AI language model, I do not have access to that.", "a garden chair", "under the bridge", "an old woman", "On foot.", "Twice.",
)  # fmt: skip

Tells = Callable[[str], bool]


class QuestionAnswer(pydantic.BaseModel):
    """An answer with what it answers; without a question it stands alone."""

    model_config = pydantic.ConfigDict(frozen=True, extra="ignore", str_strip_whitespace=True)

    question: str = ""
    answer: str = pydantic.Field(min_length=1)

    @property
    def exchange(self) -> Exchange:
        """As the classifier judges it."""
        asked = Conversation.from_prompt(self.question) if self.question else Conversation(())
        return Exchange(asked, self.answer)


def ordinary_answers(
    prompts: Sequence[str], texts: Sequence[str], count: int, seed: int
) -> list[QuestionAnswer]:
    """Ordinary prompts with stretches of ordinary text, of many lengths, for answers, and some that are brief.

    What an ordinary answer is about hardly depends on the prompt; that such a prompt stands before it is what is learned.
    """
    choice = random.Random(seed)
    made: list[QuestionAnswer] = []
    for _ in range(count):
        text = choice.choice(texts)
        start = choice.randrange(max(len(text) // 2, 1))
        answer = text[start:].partition(" ")[2][: choice.choice(_LENGTHS)].strip()
        if len(answer) < _LENGTHS[0] or choice.random() < 0.2:
            answer = choice.choice(_BRIEFLY)
        made.append(QuestionAnswer(question=choice.choice(prompts), answer=answer))
    return made


def answer_windows(
    answers: Sequence[QuestionAnswer], label: int, names_target: Tells
) -> list[TrainingWindow]:
    """The passages of answers and the sentences of these, as the classifier reads them.

    Of an answer that tells of the target, a stretch is shown as such only where it does so by itself: where it names the
    target, is long, or stands behind its question.
    """
    return [window for answer in answers for window in _windows(answer, label, names_target)]


def _windows(answer: QuestionAnswer, label: int, names_target: Tells) -> Iterator[TrainingWindow]:
    exchange = answer.exchange
    for passage in exchange_passages(exchange):
        text = canonicalise(passage.text).text
        after_question = len(passage.pieces) > 1
        if label == 0 or after_question or _tells(text, names_target):
            yield TrainingWindow(Stretch.whole(text), label, answer.question)
        for first, last in split_sentences(text):
            if label == 0 or _tells(text[first:last], names_target):
                yield TrainingWindow(Stretch(text, first, last), label, answer.question)


def _tells(text: str, names_target: Tells) -> bool:
    return len(text) >= _TELLS_BY_ITSELF or names_target(text)
