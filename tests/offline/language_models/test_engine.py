import pytest

from lethe.offline.language_models import LanguageModelError, Prompt, Scoring
from lethe.offline.language_models.engine import EngineModel
from lethe.offline.language_models.opening import open_engine
from tests.offline.language_models.json_server import JsonHandler, serving


class BareServer(JsonHandler):
    """An OpenAI-compatible server that knows nothing of corruptions."""

    def do_GET(self):
        self.answer({"data": [{"id": "small", "root": "/nowhere/small"}]})

    def do_POST(self):
        body = self.body()
        steps = [None] + [
            {str(token): {"logprob": -1.0, "rank": 1 + token % 2}} for token in body["prompt"][1:]
        ]
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


def test_the_first_choices_are_told_by_their_rank(bare_server, tiny_model_folder):
    engine = EngineModel.connect(bare_server, tokenizer=str(tiny_model_folder))
    [scores] = engine.examine([Scoring(Prompt("Who?"), "Nobody at all")])
    tokens = engine.encoder.encode_answer("Nobody at all")
    assert scores.greedy.tolist() == [token % 2 == 0 for token in tokens]
    assert scores.means is None


def test_an_address_without_a_scheme_is_told_from_one_that_cannot_be_reached():
    with pytest.raises(LanguageModelError, match="begins with http://"):
        EngineModel.connect("gpu-host:8000")


def test_a_proxy_in_an_engines_place_is_named_before_anything_slow():
    class Proxy(JsonHandler):
        def do_GET(self):
            self.answer({"status": "ready"} if self.path == "/ready" else {"data": [{"id": "org/large"}]})

    with serving(Proxy) as url, pytest.raises(LanguageModelError, match=r"is a proxy.*--engine embedded"):
        EngineModel.connect(url)


def test_a_key_that_is_missing_is_named_with_its_setting():
    class Guarded(JsonHandler):
        def do_GET(self):
            self.answer({"error": "Unauthorized"}, 401 if self.path.startswith("/v1") else 404)

    with serving(Guarded) as url, pytest.raises(LanguageModelError, match="LETHE_ENGINE__API_KEY"):
        EngineModel.connect(url)


def test_what_is_no_openai_compatible_server_is_told():
    class Page(JsonHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>")

    with serving(Page) as url, pytest.raises(LanguageModelError, match="200 with no JSON"):
        EngineModel.connect(url)
