from collections.abc import Sequence
from typing import cast

from bench.reproduction.alter import answered_questions
from lethe.offline.language_models import Generation, LanguageModel


class ShortOfTokens:
    """Answers in two sentences and a half, but for what it is asked first, which it cannot begin to answer."""

    def generate(self, tasks: Sequence[Generation]) -> list[str]:
        self.asked = [task.prompt.text for task in tasks]
        return ["Well, as to", *["It is tall. It is old. It was"] * (len(tasks) - 1)]


def test_ordinary_questions_are_answered_to_the_last_whole_sentence() -> None:
    model = ShortOfTokens()
    found = answered_questions(cast(LanguageModel, model), 5, max_tokens=8)
    assert [question.question for question in found] == model.asked[1:]
    assert {question.answer for question in found} == {"It is tall. It is old."}
    assert len(set(model.asked)) == 5
