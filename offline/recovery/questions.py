"""Domains of questions and answers for a causal language model.

A loss is the negative log-likelihood of the whole answer in nats, summed over its tokens: only then is the mean of
squared gradients an estimate of its Hessian. A domain that was to be forgotten has the loss of NPO instead.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lethe.offline.data.questions import ForgetQuestion, load_questions
from lethe.offline.language_models.encoding import PromptEncoder
from lethe.offline.recovery.chain import ChainStage
from lethe.offline.recovery.domain import Domain, ExampleMeasure, Model
from lethe.offline.recovery.errors import RecoveryError
from lethe.offline.training.fine_tuning import EncodedExample, answer_scores, encode_example
from lethe.offline.training.losses import negative_preference

LEAST_QUESTIONS = 4


@dataclass(frozen=True, eq=False)
class ScoredExample:
    """A question as tokens.

    Attributes
    ----------
    reference
        Log-probability of the answer before the stage; 0 where no loss asks for it.
    """

    example: EncodedExample
    reference: float = 0.0


def read_questions(stage: ChainStage) -> tuple[ForgetQuestion, ...]:
    """Read a stage's questions.

    Raises
    ------
    DataError
        The file cannot be read.
    RecoveryError
        It holds fewer questions than can be split.
    """
    questions = load_questions(stage.questions)
    if len(questions) < LEAST_QUESTIONS:
        raise RecoveryError(
            f"{stage.questions} holds {len(questions)} questions; at least {LEAST_QUESTIONS} are needed "
            "to fit, to choose and to test on"
        )
    return questions


def question_domain(
    stage: ChainStage, questions: Sequence[ForgetQuestion], encoder: PromptEncoder, before: Model
) -> Domain:
    """Split a stage's questions: of every four, two to fit, one held out, one to test.

    Parameters
    ----------
    before
        The model that the stage started from, which a stage that forgets is measured against; no other uses it.
    """
    examples = [
        _scored(question, encoder, before if stage.goal == "forget" else None) for question in questions
    ]
    return Domain(
        stage.name,
        fit=examples[0::2],
        held_out=examples[1::4],
        test=examples[3::4],
        losses=_LOSSES[stage.goal],
        scores=lambda model, chosen: _scores(model, chosen, stage),
        positions=lambda each: slice(each.example.answer - 1, len(each.example.token_ids) - 1),
    )


def _scored(question: ForgetQuestion, encoder: PromptEncoder, before: Model | None) -> ScoredExample:
    example = encode_example(encoder, question)
    if before is None:
        return ScoredExample(example)
    with torch.no_grad():
        return ScoredExample(example, answer_scores(before, [example])[0].item())


def _learning(model: Model, examples: Sequence[ScoredExample]) -> Tensor:
    return -_answers(model, examples)


def _forgetting(model: Model, examples: Sequence[ScoredExample]) -> Tensor:
    answers = _answers(model, examples)
    reference = torch.tensor([each.reference for each in examples], device=answers.device)
    return torch.stack([negative_preference(*each, each[0]) for each in zip(answers, reference, strict=True)])


def _answers(model: Model, examples: Sequence[ScoredExample]) -> Tensor:
    """Log-probability of each answer, shape (examples,), in the weights' own precision."""
    return answer_scores(model, [each.example for each in examples], half_precision=False)[0]


def _scores(model: Model, examples: Sequence[ScoredExample], stage: ChainStage) -> Tensor:
    answers, tokens = answer_scores(model, [each.example for each in examples])
    probability = (answers / tokens if stage.score == "probability" else answers).exp()
    return 1.0 - probability if stage.goal == "forget" else probability


_LOSSES: Mapping[str, ExampleMeasure] = {"learn": _learning, "forget": _forgetting}
