"""Measures candidates: the outside world of the search, over any `LanguageModel`."""

from collections.abc import Sequence

import numpy as np

from lethe.corruption.artifact import Corruption
from lethe.offline.corruption_learning.errors import LearningError
from lethe.offline.corruption_learning.objective import Measurement
from lethe.offline.data.questions import ForgetQuestion
from lethe.offline.language_models import Choice, Generation, LanguageModel, Prompt, Scoring
from lethe.offline.metrics.answer_form import form_faults
from lethe.offline.metrics.fluency import unique_token_ratio
from lethe.offline.metrics.leakage import leak_rate
from lethe.offline.metrics.multiple_choice import multiple_choice_accuracy
from lethe.offline.metrics.probability import answer_probability, mean_log_probability
from lethe.offline.metrics.rouge import rouge_l
from lethe.offline.metrics.truth_ratio import truth_ratio, truthfulness

_NEUTRAL = "Tell me something."
_GENERATED = {"rouge_l", "leak_rate", "fluency", "unique_tokens", "form"}


class CorruptionEvaluator:
    """Scores corruptions on forget questions.

    All candidates of a call, with all their questions, go to the model together, so that an engine can put them in
    one continuous batch.

    Parameters
    ----------
    metrics
        Names from `objective.METRICS`.
    deny_list
        Facts that are a leak in the answer to any question, beside each question's own.
    max_tokens
        Length of the generated answers.
    chat
        Whether questions are user messages, or raw text to be continued.
    template
        By which the model's encoder asks, where not by its own; only to tell records apart.

    Raises
    ------
    LearningError
        A metric needs what no question has: wrong answers, options or facts.
    """

    def __init__(
        self,
        model: LanguageModel,
        questions: Sequence[ForgetQuestion],
        metrics: Sequence[str],
        deny_list: Sequence[str] = (),
        max_tokens: int = 40,
        *,
        chat: bool = True,
        template: str = "",
    ) -> None:
        self.model = model
        self.questions = tuple(questions)
        self.metrics = tuple(metrics)
        self.deny_list = tuple(deny_list)
        self.max_tokens = max_tokens
        self.chat = chat
        self.template = template
        self._refuse_metrics_without_data()

    def measure(self, candidates: Sequence[Corruption | None]) -> list[Measurement]:
        """Measure candidates on every question; None is the clean model."""
        prompts = [question.question for question in self.questions]
        return self._measure([(prompts, candidate) for candidate in candidates])

    def measure_surrogate(self, prompts: Sequence[str]) -> Measurement:
        """Estimate what a model without the knowledge would score, from prompts that it has no knowledge about.

        Each question's true answer is judged after some other prompt, which carries nothing that would lead to it:
        how probable the answer is by itself, how much an unrelated answer overlaps with it, how fluent the clean
        model is [ours].

        Parameters
        ----------
        prompts
            Retain-like prompts, best in the same form as the questions; used in turn.
        """
        if not prompts:
            raise ValueError("surrogate values need at least one retain-like prompt")
        paired = [prompts[index % len(prompts)] for index in range(len(self.questions))]
        return self._measure([(paired, None)])[0]

    def _measure(self, runs: Sequence[tuple[Sequence[str], Corruption | None]]) -> list[Measurement]:
        scored = self._score([self._scorings(*run) for run in runs])
        accuracy = self._accuracy(runs)
        outputs = self._generate(runs)
        whole = {"accuracy": accuracy, "fluency": self._fluency(outputs)}
        return [
            Measurement(
                {
                    name: self._metric(name, run[0], scores, texts)
                    for name in self.metrics
                    if name not in whole
                }
                | {name: values[index] for name, values in whole.items() if name in self.metrics},
                tuple(texts),
            )
            for index, (run, scores, texts) in enumerate(zip(runs, scored, outputs, strict=True))
        ]

    def _scorings(self, prompts: Sequence[str], candidate: Corruption | None) -> list[list[Scoring]]:
        return [
            [
                Scoring(Prompt(prompt, self.chat), answer, candidate)
                for answer in self._scored_answers(question)
            ]
            for prompt, question in zip(prompts, self.questions, strict=True)
        ]

    def _scored_answers(self, question: ForgetQuestion) -> list[str]:
        answers = []
        if "probability" in self.metrics:
            answers.append(question.answer)
        if "truthfulness" in self.metrics and question.wrong_answers:
            answers += [question.paraphrased_answer or question.answer, *question.wrong_answers]
        return answers

    def _score(self, nested: list[list[list[Scoring]]]) -> list[list[dict[str, float]]]:
        """Mean log-probability of each answer, by run, question and answer."""
        flat = [task for run in nested for tasks in run for task in tasks]
        values = iter(self.model.score(flat) if flat else ())
        return [
            [{task.answer: mean_log_probability(next(values)) for task in tasks} for tasks in run]
            for run in nested
        ]

    def _generate(self, runs: Sequence[tuple[Sequence[str], Corruption | None]]) -> list[list[str]]:
        if not _GENERATED & set(self.metrics):
            return [[] for _ in runs]
        tasks = [
            Generation(Prompt(prompt, self.chat), self.max_tokens, candidate)
            for prompts, candidate in runs
            for prompt in prompts
        ]
        outputs = self.model.generate(tasks)
        size = len(self.questions)
        return [outputs[start : start + size] for start in range(0, len(outputs), size)]

    def _fluency(self, outputs: list[list[str]]) -> list[float]:
        """Mean over outputs of ``1 / (1 + l)``, l the mean negative log-probability under the clean model [ours].

        Bounded where perplexity is not; most sensitive where language and junk part. An empty output counts 0.
        """
        if "fluency" not in self.metrics:
            return [0.0] * len(outputs)
        neutral = Prompt(_NEUTRAL, self.chat)
        tasks = [Scoring(neutral, text) for texts in outputs for text in texts if text.strip()]
        scores = iter(self.model.score(tasks) if tasks else ())
        return [
            float(
                np.mean(
                    [
                        1.0 / (1.0 - mean_log_probability(next(scores))) if text.strip() else 0.0
                        for text in texts
                    ]
                )
            )
            for texts in outputs
        ]

    def _accuracy(self, runs: Sequence[tuple[Sequence[str], Corruption | None]]) -> list[float]:
        if "accuracy" not in self.metrics:
            return [0.0] * len(runs)
        asked = [index for index, question in enumerate(self.questions) if question.options]
        tasks = [
            Choice(Prompt(prompts[index], self.chat), self.questions[index].options, candidate)
            for prompts, candidate in runs
            for index in asked
        ]
        options = iter(self.model.choose(tasks))
        correct = [self.questions[index].options.index(self.questions[index].answer) for index in asked]
        return [multiple_choice_accuracy([next(options) for _ in asked], correct) for _ in runs]

    def _metric(
        self, name: str, prompts: Sequence[str], scores: list[dict[str, float]], outputs: list[str]
    ) -> float:
        match name:
            case "probability":
                answers = zip(scores, self.questions, strict=True)
                return _mean(answer_probability([scored[question.answer]]) for scored, question in answers)
            case "truthfulness":
                return _mean(
                    truthfulness(
                        truth_ratio(
                            scored[question.paraphrased_answer or question.answer],
                            [scored[wrong] for wrong in question.wrong_answers],
                        )
                    )
                    for scored, question in zip(scores, self.questions, strict=True)
                    if question.wrong_answers
                )
            case "rouge_l":
                pairs = zip(self.questions, outputs, strict=True)
                return _mean(rouge_l(question.answer, output).recall for question, output in pairs)
            case "leak_rate":
                facts = [(*question.facts, *self.deny_list) for question in self.questions]
                asked = [
                    f"{prompt} {question.question}"
                    for prompt, question in zip(prompts, self.questions, strict=True)
                ]
                return leak_rate(outputs, facts, asked)
            case "form":
                return _mean(not form_faults(output) for output in outputs)
            case "unique_tokens":
                return _mean(unique_token_ratio(output.split()) for output in outputs)
            case _:
                raise LearningError(f"unknown metric {name!r}")

    def _refuse_metrics_without_data(self) -> None:
        needs = {
            "truthfulness": ("wrong_answers", any(question.wrong_answers for question in self.questions)),
            "accuracy": ("options", any(question.options for question in self.questions)),
            "leak_rate": (
                "facts",
                bool(self.deny_list) or any(question.facts for question in self.questions),
            ),
        }
        for metric in self.metrics:
            field, present = needs.get(metric, ("", True))
            if not present:
                raise LearningError(f"the metric {metric!r} needs {field!r}, which no question has")


def _mean(values: object) -> float:
    return float(np.mean(list(values)))  # pyright: ignore[reportArgumentType, reportCallIssue]
