import numpy as np
import pytest

from corruption.artifact import Corruption
from offline.corruption_learning.evaluator import CorruptionEvaluator
from offline.corruption_learning.objective import Objective
from offline.corruption_learning.questions import ForgetQuestion
from offline.language_models import Choice, LanguageModelError, Prompt, Scoring
from offline.language_models.engine import EngineModel
from offline.language_models.local import LocalModel
from offline.language_models.opening import open_engine
from tests.offline.language_models.json_server import JsonHandler, serving

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
def engine_model(running_engine, small_model):
    return open_engine(running_engine.url, tokenizer=str(small_model), api_key=running_engine.api_key)


@pytest.fixture(scope="module")
def reference_model(small_model):
    return LocalModel.from_pretrained(str(small_model), name="smollm2", dtype="float32")


@pytest.mark.engine
def test_engine_and_transformers_score_alike(engine_model, reference_model):
    tasks = [Scoring(Prompt(q.question), q.answer, c) for q in QUESTIONS for c in CANDIDATES]
    for ours, theirs in zip(engine_model.score(tasks), reference_model.score(tasks), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=5e-3)


@pytest.mark.engine
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


@pytest.mark.engine
def test_engine_and_transformers_choose_alike(engine_model, reference_model):
    task = Choice(
        Prompt("Answer with one letter. Which is a fruit?\nA. Apple\nB. Rock\nAnswer:", chat=False),
        (" A", " B"),
    )
    ours, theirs = engine_model.choose([task])[0], reference_model.choose([task])[0]
    np.testing.assert_allclose(ours, theirs, atol=5e-3)


class BareServer(JsonHandler):
    """An OpenAI-compatible server that knows nothing of corruptions."""

    def do_GET(self):
        self.answer({"data": [{"id": "small", "root": "/nowhere/small"}]})

    def do_POST(self):
        body = self.body()
        steps = [None] + [{str(token): {"logprob": -1.0}} for token in body["prompt"][1:]]
        self.answer({"choices": [{"text": "", "prompt_logprobs": steps}]})


@pytest.fixture(scope="module")
def bare_server():
    with serving(BareServer) as url:
        yield url


def test_an_engine_without_the_plugin_is_refused(bare_server, tiny_model_folder):
    with pytest.raises(LanguageModelError, match="does not corrupt prompts"):
        open_engine(bare_server, tokenizer=str(tiny_model_folder))


def test_a_model_that_is_not_served_is_refused(bare_server):
    with pytest.raises(LanguageModelError, match="it serves small"):
        EngineModel.connect(bare_server, served_name="large")


def test_a_tokenizer_on_another_machine_must_be_named(bare_server):
    with pytest.raises(LanguageModelError, match="name a tokenizer"):
        EngineModel.connect(bare_server)


def test_no_engine_is_refused():
    with pytest.raises(LanguageModelError, match="cannot be reached"):
        EngineModel.connect("http://127.0.0.1:9")


def test_scores_are_read_from_the_end_of_the_prompt(bare_server, tiny_model_folder):
    engine = EngineModel.connect(bare_server, tokenizer=str(tiny_model_folder))
    scores = engine.score([Scoring(Prompt("Who?"), "Nobody at all")])[0]
    assert scores.tolist() == [-1.0] * len(engine.encoder.encode_answer("Nobody at all"))
