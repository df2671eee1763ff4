"""Questions judged by their embedding alone."""

import asyncio
import base64
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lethe.classifier.conversation import Conversation
from lethe.classifier.encoders.encoder import Encoder
from lethe.classifier.facts import Facts
from lethe.classifier.head import Head, HeadBank, load_head, save_head
from lethe.classifier.questions import (
    LONGEST_QUESTION,
    QuestionBank,
    QuestionWeights,
    describes,
    is_question,
)
from lethe.classifier.scoring import Scorer
from lethe.classifier.service import ClassifierService
from lethe.classifier.settings import ClassifierSettings
from lethe.classifier.text.aligned_text import AlignedText, Replacements
from tests.classifier.conftest import MakeHead

ASKED = "Who kept the lamp burning on the northernmost of the Channel Islands?"
ABROAD = "Wer hielt die Lampe auf der nördlichsten der Kanalinseln am Brennen?"
OTHER = "How do I bake bread with rye flour?"
PAGE = "The council opened the new library on a rainy day in spring. " * 4
HIDES_ALL = 1e6

MakeQuestionHead = Callable[..., Head]


@pytest.fixture
def make_question_head(encoder: Encoder, make_head: MakeHead) -> MakeQuestionHead:
    """A head to which only the embedding of one question says anything, and that only where it is all there is to read."""
    direction = encoder.embed([ASKED])[0]

    def make(pass_below: float = -HIDES_ALL) -> Head:
        questions = QuestionWeights(
            direction=20 * direction,
            bias=-12.0,
            gate_direction=np.zeros(encoder.token_vectors(np.array([0])).shape[1], np.float32),
            gate_bias=0.0,
            pass_below=pass_below,
        )
        return make_head(texts=("the harbour of Oldern",), pass_below=HIDES_ALL, questions=questions)

    return make


def scored(encoder: Encoder, head: Head, text: str, *, first_tier: bool = True) -> float:
    settings = ClassifierSettings(first_tier=first_tier, spans=True)
    return float(Scorer(encoder, HeadBank([head], encoder), settings).score_text(text).scores[0])


def test_each_question_is_held_back_by_its_own_tokens() -> None:
    weights = QuestionWeights(np.ones(1, np.float32), 0.0, np.array([1, 0], np.float32), -1.0, 0.5)
    vectors = np.array([[1, 9], [1, 9], [2, 9], [-3, 9]], np.float32)
    held = QuestionBank([None, weights]).held(vectors, np.array([2, 0, 1, 1]))
    # Those come to √2, 0, 2 and -3, and must to 1.5.
    assert held.tolist() == [False, False, True, False]


@pytest.mark.parametrize("question", [ASKED, ABROAD])
def test_a_question_is_found_by_its_embedding_alone(
    encoder: Encoder, make_question_head: MakeQuestionHead, question: str
) -> None:
    head = make_question_head()
    assert scored(encoder, head, question) > 0
    assert scored(encoder, replace(head, questions=None), question) < 0
    assert scored(encoder, head, OTHER) < 0


def test_what_a_long_text_holds_is_not_judged_as_a_question(
    encoder: Encoder, make_question_head: MakeQuestionHead
) -> None:
    head = make_question_head()
    page = f"{PAGE}{ASKED}"
    assert len(page) > LONGEST_QUESTION
    without = replace(head, questions=None)
    for first_tier in (True, False):
        scores = [scored(encoder, each, page, first_tier=first_tier) for each in (head, without)]
        assert scores[0] == scores[1] < 0


@pytest.mark.parametrize("first_tier", [True, False])
def test_a_disguised_question_is_judged_as_one_and_what_code_has_in_quotes_is_not(
    encoder: Encoder, make_question_head: MakeQuestionHead, first_tier: bool
) -> None:
    head = make_question_head()
    disguised = base64.b64encode(ASKED.encode()).decode()
    assert scored(encoder, head, disguised, first_tier=first_tier) > 0
    code = "\n".join(f"def parse_{number}(row): return row[{number}] * {number}" for number in range(40))
    halves = ASKED[:30], ASKED[30:]
    quoted = f'{code}\nprint("{halves[0]}" + "{halves[1]}")'
    assert scored(encoder, head, quoted, first_tier=first_tier) < 0


def test_signs_that_nobody_sees_make_a_question_no_longer(
    encoder: Encoder, make_question_head: MakeQuestionHead
) -> None:
    assert scored(encoder, make_question_head(), ASKED + "\u200b" * 1000) > 0


def test_a_question_is_short_and_in_a_disguise_at_most_four_times_as_long() -> None:
    longest = "a" * LONGEST_QUESTION
    assert is_question(AlignedText(longest), disguised=False)
    assert not is_question(AlignedText(longest + "a"), disguised=False)

    def decoded(length: int) -> AlignedText:
        return AlignedText("who", Replacements.of([0], [length], [3], length))

    assert is_question(decoded(4 * LONGEST_QUESTION), disguised=True)
    assert not is_question(decoded(4 * LONGEST_QUESTION + 1), disguised=True)


def test_twenty_bytes_of_letters_may_describe_something() -> None:
    assert not describes("Nineteen, " + "a" * 11 + "?")
    assert describes("Nineteen, " + "a" * 12 + "?")


@pytest.mark.parametrize("first_tier", [True, False])
def test_a_sentence_of_few_letters_is_not_judged_as_a_question(
    encoder: Encoder, make_question_head: MakeQuestionHead, first_tier: bool
) -> None:
    ends, asks = (f"{OTHER} It should rise overnight. Gin, Campari.", f"Answer in one word. {ASKED}")
    head = make_question_head()
    assert head.questions is not None
    direction = 20 * encoder.embed(["Gin, Campari."])[0]
    odd = replace(head, questions=replace(head.questions, direction=direction))
    assert scored(encoder, odd, "Gin, Campari.", first_tier=first_tier) > 0
    assert scored(encoder, odd, ends, first_tier=first_tier) < 0
    assert scored(encoder, head, asks, first_tier=first_tier) > 0


def test_the_first_tier_clears_questions_below_their_own_limit(
    encoder: Encoder, make_question_head: MakeQuestionHead
) -> None:
    cleared = make_question_head(pass_below=0.1)
    assert scored(encoder, cleared, ASKED) == -np.inf
    assert scored(encoder, cleared, ASKED, first_tier=False) > 0


def test_one_head_of_several_judges_questions(
    encoder: Encoder, make_head: MakeHead, make_question_head: MakeQuestionHead
) -> None:
    heads = [make_head("first"), make_question_head(), make_head("third")]
    scores = Scorer(encoder, HeadBank(heads, encoder), ClassifierSettings()).score_text(ASKED).scores
    assert [bool(score > 0) for score in scores] == [False, True, False]


def test_what_judges_questions_is_kept(
    encoder: Encoder, make_head: MakeHead, make_question_head: MakeQuestionHead, tmp_path: Path
) -> None:
    head = make_question_head()
    save_head(head, tmp_path)
    assert scored(encoder, load_head(tmp_path), ASKED) == pytest.approx(
        scored(encoder, head, ASKED), abs=1e-4
    )
    save_head(make_head(), tmp_path)
    assert load_head(tmp_path).questions is None
    assert "questions" not in (tmp_path / "head.json").read_text()


def test_sentences_that_tell_of_the_target_find_a_question_that_describes_it(
    encoder: Encoder, make_head: MakeHead, make_question_head: MakeQuestionHead, tmp_path: Path
) -> None:
    told = "Two brothers rowed out to wind the clockwork of the lantern."
    asked = "Which brothers wound a clockwork?"
    facts = Facts(
        directions=10 * encoder.embed([told]),
        words=("brothe", "clockw"),
        weights=np.full(2, 6.0, np.float32),
        held=np.array([[0, 0], [0, 1]]),
        least=2.0,
    )
    plain = make_question_head()
    assert plain.questions is not None
    head = replace(plain, questions=replace(plain.questions, facts=facts))
    assert scored(encoder, plain, asked) < 0 < scored(encoder, head, asked)
    assert scored(encoder, head, OTHER) == scored(encoder, plain, OTHER)
    save_head(head, tmp_path)
    assert scored(encoder, load_head(tmp_path), asked) == pytest.approx(
        scored(encoder, head, asked), abs=0.01
    )
    # Beside a head that knows no such sentences.
    bank = HeadBank([plain, head, make_head("third")], encoder)
    scores = Scorer(encoder, bank, ClassifierSettings()).score_text(asked).scores
    assert [bool(score > 0) for score in scores] == [False, True, False]


def test_only_the_newest_turn_and_lines_that_ask_by_themselves_are_judged_as_questions(
    encoder: Encoder, make_question_head: MakeQuestionHead
) -> None:
    def turns(*roles_and_texts: tuple[str, str]) -> Conversation:
        messages = [{"role": role, "content": text} for role, text in roles_and_texts]
        return Conversation.from_openai_messages(messages)

    service = ClassifierService(encoder, [make_question_head()], ClassifierSettings())

    async def flagged() -> list[bool]:
        asked = (
            turns(("user", ASKED)),
            turns(("system", PAGE), ("user", ASKED)),
            turns(("user", f"{PAGE}\n{ASKED}\n{PAGE}")),
            turns(("tool", f"{PAGE}\n{ASKED}\n{PAGE}"), ("user", OTHER)),
            turns(("user", f"{PAGE}{ASKED} {PAGE}")),
            turns(("system", ASKED), ("user", f"{PAGE} {OTHER}")),
            turns(("user", ASKED), ("assistant", PAGE), ("user", f"{PAGE} {OTHER}")),
        )
        try:
            # Twice: the cache knows of both ways of judging a text.
            return [bool((await service.classify(each)).flagged) for each in (*asked, *asked)]
        finally:
            await service.close()

    assert asyncio.run(flagged()) == [True, True, True, True, False, False, False] * 2
