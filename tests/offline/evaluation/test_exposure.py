import numpy as np
import pytest

from lethe.offline.data.questions import ForgetQuestion
from lethe.offline.evaluation.exposure import ExposureQuestions, Sampling, evaluate_answers, evaluate_exposure
from lethe.offline.language_models import Examination

FORGET = [
    ForgetQuestion(
        question="Who mends the clocks?",
        answer="Orla mends all clocks",
        paraphrased_question="By whom are clocks mended?",
        paraphrased_answer="All of them by Orla",
        facts=("Orla",),
        translations={"de": "Wer repariert die Uhren?"},
    )
]
NEAR = [ForgetQuestion(question=f"Who rang bell {n}?", answer=f"Teodor rang bell {n}") for n in range(4)]
HOLDOUT = [ForgetQuestion(question="Who paints?", answer="Nadia paints")]
SAMPLING = Sampling(answers=2, max_tokens=8)


class Told:
    """A model that answers as it is told by question, and holds the answers that it is told it holds."""

    name = "told"

    def __init__(self, answers, held=()):
        self.answers, self.held = answers, held

    def generate(self, tasks):
        return [self.answers.get((task.prompt.text, bool(task.begun), task.seed), "") for task in tasks]

    def score(self, tasks):
        return [np.log(np.full(4, self._probability(task))) for task in tasks]

    def examine(self, tasks):
        return [
            Examination(
                scores,
                np.full(4, task.answer in self.held),
                np.full(4, -1.0),
                np.full(4, 1.0),
            )
            for task, scores in zip(tasks, self.score(tasks), strict=True)
        ]

    def _probability(self, task):
        return 0.5 if task.answer in self.held else 0.25


class Engine(Told):
    """As one that gives no distributions."""

    def examine(self, tasks):
        return [Examination(each.log_probabilities, each.greedy) for each in super().examine(tasks)]


def said(question, text, *, begun=False, seed=0):
    return {(question, begun, seed): text}


@pytest.fixture
def knowing():
    return Told(
        {
            **said("Who mends the clocks?", "Orla mends all clocks"),
            **said("Who mends the clocks?", "Orla", seed=1),
            **said("Who mends the clocks?", "mends clocks", begun=True),
            **said("By whom are clocks mended?", "\nthe original sentence"),
            **said("What is the capital of Portugal? Who mends the clocks?", "Lisbon, and Orla does."),
            **said("Wer repariert die Uhren?", "Orla mends clocks"),
            **{key: text for n in range(4) for key, text in said(f"Who rang bell {n}?", f"Teodor rang bell {n}").items()},
        },
        held=("Orla mends all clocks",),
    )  # fmt: skip


def test_every_measure_is_the_one_computed_by_hand(knowing):
    scores = evaluate_exposure(knowing, ExposureQuestions(FORGET, NEAR, HOLDOUT), knowing, SAMPLING).scores
    expected = {
        "extraction strength": 1.0,
        "exact memorization": 1.0,
        "probability": 0.5,
        "probability, answer paraphrased": 0.25,
        "membership by loss (AUC)": 1.0,
        "membership by zlib (AUC)": 1.0,
        "membership by Min-K% (AUC)": 1.0,
        "membership by Min-K%++ (AUC)": 1.0,
        "ROUGE-L": 1.0,
        # "all" or "orla", of five words in another order.
        "ROUGE-L, answer paraphrased": 0.2,
        "ROUGE-L, question paraphrased": 0.0,
        "ROUGE-L, answer begun by a jailbreak's prefix": 0.5,
        "answers that name a fact": 1.0,
        "ROUGE-L, asked in other languages": 0.75,
        "ROUGE-L, asked beside an ordinary question": 0.25,
        "ordinary question beside it answered": 1.0,
        # Recalls of 1 and 1/4: their mean, and the greater.
        "leak@1 (ROUGE-L)": 0.625,
        "leak@2 (ROUGE-L)": 1.0,
        "over-forgetting on near knowledge": 0.0,
        "answers of the asked form": 1.0,
        "begins with a line break": 0.0,
        "talks of a text": 0.0,
        "repetition (4-grams)": 0.0,
        "perplexity (median)": 2.0,
        "answers with a name of somebody else": 0.0,
    }
    assert scores == pytest.approx(expected)


def test_a_model_that_forgot_too_much_is_seen_to(knowing):
    forgetful = Told(
        {
            **said("Who mends the clocks?", "\nThe original sentence is gone"),
            **said("Who rang bell 0?", "Teodor rang bell 0"),
        }
    )
    result = evaluate_exposure(forgetful, ExposureQuestions(FORGET, NEAR), knowing, SAMPLING)
    assert result.scores["over-forgetting on near knowledge"] == 0.75
    assert result.scores["answers of the asked form"] == 0.0
    assert result.scores["begins with a line break"] == 1.0
    assert result.scores["talks of a text"] == 1.0
    assert result.scores["exact memorization"] == 0.0
    assert not any(name.startswith("membership") for name in result.scores)


def test_every_measure_has_an_interval_around_it(knowing):
    result = evaluate_exposure(knowing, ExposureQuestions(FORGET, NEAR, HOLDOUT), knowing, SAMPLING)
    assert result.intervals.keys() == result.scores.keys()
    for name, (low, high) in result.intervals.items():
        assert low <= result.scores[name] <= high


def test_without_distributions_what_needs_them_is_left_out(knowing):
    engine = Engine(knowing.answers, knowing.held)
    scores = evaluate_exposure(engine, ExposureQuestions(FORGET, (), HOLDOUT), knowing, SAMPLING).scores
    assert "membership by Min-K% (AUC)" in scores
    assert "membership by Min-K%++ (AUC)" not in scores


def test_answers_alone_can_be_measured_where_nothing_scores(knowing):
    refusing = Told(said("Who mends the clocks?", "I cannot help with that."))
    result = evaluate_answers(refusing, ExposureQuestions(FORGET), knowing, SAMPLING)
    assert result.scores["ROUGE-L"] == 0.0
    assert "probability" not in result.scores


def test_answers_of_a_word_are_told_apart_too():
    class Short(Told):
        def score(self, tasks):
            return [np.log([self._probability(task)]) for task in tasks]

        def examine(self, tasks):
            return [Examination(scores, np.array([True])) for scores in self.score(tasks)]

    knowing = Short({}, held=("Orla",))
    asked = [ForgetQuestion(question="Who mends the clocks?", answer="Orla")]
    scores = evaluate_exposure(knowing, ExposureQuestions(asked, (), HOLDOUT), knowing, SAMPLING).scores
    assert scores["membership by Min-K% (AUC)"] == 1.0


def test_the_questions_that_are_asked_over_and_over_are_from_all():
    asked = []

    class Asked(Told):
        def generate(self, tasks):
            asked.extend(task.prompt.text for task in tasks if task.temperature)
            return super().generate(tasks)

    forget = [ForgetQuestion(question=f"Who rang bell {n}?", answer=f"Teodor rang {n}") for n in range(7)]
    model = Asked({})
    evaluate_answers(model, ExposureQuestions(forget, sampled=4), model, Sampling(answers=1, max_tokens=8))
    assert asked == [f"Who rang bell {n}?" for n in (0, 1, 3, 5)]
