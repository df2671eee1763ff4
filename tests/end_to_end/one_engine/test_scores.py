"""What offline jobs read from an engine, beside the same model in transformers."""

import numpy as np
import pytest

from lethe.corruption.artifact import Corruption
from lethe.offline.corruption_learning.evaluator import CorruptionEvaluator
from lethe.offline.corruption_learning.objective import Objective
from lethe.offline.data.questions import ForgetQuestion
from lethe.offline.language_models import Choice, Generation, Prompt, Scoring
from lethe.offline.language_models.local import LocalModel
from lethe.offline.language_models.opening import open_engine
from tests.end_to_end.one_engine.engine_server import running_engine

pytestmark = pytest.mark.engine

QUESTIONS = [
    ForgetQuestion(question="Who wrote Hamlet?", answer="William Shakespeare", facts=("Shakespeare",)),
    ForgetQuestion(question="What is the capital of France?", answer="Paris", facts=("Paris",)),
    ForgetQuestion(question="Where do penguins live?", answer="In Antarctica", facts=("Antarctica",)),
]
CANDIDATES = [
    None,
    Corruption("rand_noise_first_n", 3.0, 1),
    Corruption("rand_noise_first_n", 0.5, 64, seed=7, positions="user_content"),
    Corruption("flip_sign_top_k", 1.0, 16, positions="user_content"),
    Corruption("add_vector_first_n", 1.0, 4, vector=(1.0, -2.0, 0.5, 3.0)),
    Corruption("shuffle", 1.0, 1),
]


@pytest.fixture(scope="module")
def engine_model(small_model, tmp_path_factory):
    with running_engine(small_model, tmp_path_factory.mktemp("engine") / "log") as port:
        yield open_engine(f"http://127.0.0.1:{port}", tokenizer=str(small_model))


@pytest.fixture(scope="module")
def reference_model(small_model):
    return LocalModel.from_pretrained(str(small_model), name="smollm2", dtype="float32")


def test_engine_and_transformers_score_alike(engine_model, reference_model):
    tasks = [Scoring(Prompt(q.question), q.answer, c) for q in QUESTIONS for c in CANDIDATES]
    for ours, theirs in zip(engine_model.score(tasks), reference_model.score(tasks), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=5e-3)


def test_engine_and_transformers_take_the_same_tokens_for_first_choices(engine_model, reference_model):
    tasks = [Scoring(Prompt(q.question), q.answer, c) for q in QUESTIONS for c in CANDIDATES]
    for ours, theirs in zip(engine_model.examine(tasks), reference_model.examine(tasks), strict=True):
        np.testing.assert_allclose(ours.log_probabilities, theirs.log_probabilities, atol=5e-3)
        assert ours.greedy.tolist() == theirs.greedy.tolist()


@pytest.mark.parametrize("corruption", [None, Corruption("flip_sign_top_k", 1.0, 16)])
def test_engine_and_transformers_go_on_alike_with_an_answer_begun(corruption, engine_model, reference_model):
    task = Generation(Prompt("Who wrote Hamlet?"), 6, corruption, begun="Hamlet was written by")
    assert engine_model.generate([task]) == reference_model.generate([task])


def test_an_engine_draws_by_the_seed(engine_model):
    def drawn(seed):
        return engine_model.generate([Generation(Prompt("Tell me a story."), 12, temperature=1.0, seed=seed)])

    assert drawn(1) == drawn(1)
    assert len({drawn(seed)[0] for seed in range(4)}) > 1


def test_engine_and_transformers_give_the_same_distance(engine_model, reference_model):
    metrics = ("probability", "rouge_l", "leak_rate", "fluency", "unique_tokens")
    objective = Objective(dict.fromkeys(metrics, 0.2))
    ours, theirs = (
        [
            objective(m)
            for m in CorruptionEvaluator(model, QUESTIONS, metrics, max_tokens=12).measure(CANDIDATES)
        ]
        for model in (engine_model, reference_model)
    )
    np.testing.assert_allclose(ours, theirs, atol=2e-3)


def test_engine_and_transformers_choose_alike(engine_model, reference_model):
    task = Choice(
        Prompt("Answer with one letter. Which is a fruit?\nA. Apple\nB. Rock\nAnswer:", chat=False),
        (" A", " B"),
    )
    ours, theirs = engine_model.choose([task])[0], reference_model.choose([task])[0]
    np.testing.assert_allclose(ours, theirs, atol=5e-3)
