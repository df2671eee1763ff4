import pytest

from lethe.corruption.artifact import Corruption
from lethe.offline.language_models import Choice, Generation, LanguageModelError, Prompt, Scoring
from lethe.offline.language_models.proxy import ProxyModel
from tests.offline.language_models.json_server import JsonHandler, serving


class OpenAIServer(JsonHandler):
    """Answers as an OpenAI-compatible server does, and echoes what it was asked."""

    def do_GET(self):
        self.answer({"data": [{"id": "small"}]})

    def do_POST(self):
        body = self.body()
        if self.headers.get("Authorization") != "Bearer key":
            self.answer({"error": {"message": "no such key"}}, 401)
        elif self.path == "/v1/chat/completions":
            top = [{"token": "A", "logprob": -0.1}, {"token": "B", "logprob": -3.0}]
            message = {"content": f"chat: {body['messages'][0]['content']}"}
            self.answer({"choices": [{"message": message, "logprobs": {"content": [{"top_logprobs": top}]}}]})
        else:
            choice = {"text": f"text: {body['prompt']}", "logprobs": {"top_logprobs": [{" A": -0.2}]}}
            self.answer({"choices": [choice]})


@pytest.fixture(scope="module")
def url():
    with serving(OpenAIServer) as url:
        yield url


def test_chats_and_raw_prompts_go_their_own_way(url):
    model = ProxyModel.connect(url, api_key="key")
    tasks = [Generation(Prompt("Who?"), 4), Generation(Prompt("Once", chat=False), 4)]
    assert model.generate(tasks) == ["chat: Who?", "text: Once"]


def test_an_answer_begun_is_the_models_own_turn(url):
    model = ProxyModel.connect(url, api_key="key")
    body = model._generate_body(Generation(Prompt("Who?"), 4, begun="It was", temperature=0.7, seed=3))
    assert body["messages"][-1] == {"role": "assistant", "content": "It was"}
    assert (body["continue_final_message"], body["add_generation_prompt"]) == (True, False)
    assert (body["temperature"], body["seed"]) == (0.7, 3)
    raw = model.generate([Generation(Prompt("Once", chat=False), 4, begun=" upon")])
    assert raw == ["text: Once upon"]


def test_the_address_may_end_as_clients_want_it(url):
    assert ProxyModel.connect(f"{url}/v1/", api_key="key").url == url


def test_letters_are_found_among_the_likeliest_tokens(url):
    model = ProxyModel.connect(url, api_key="key")
    chat, raw = model.choose(
        [Choice(Prompt("Which?"), ("A", "B", "C")), Choice(Prompt("Which?", chat=False), (" A", " B"))]
    )
    assert chat.tolist() == [-0.1, -3.0, -float("inf")]
    assert raw.tolist() == [-0.2, -float("inf")]


def test_what_a_proxy_refuses_is_said_in_its_words(url):
    with pytest.raises(LanguageModelError, match="401: no such key"):
        ProxyModel.connect(url).generate([Generation(Prompt("Who?"), 4)])


def test_a_proxy_takes_no_corruption(url):
    task = Generation(Prompt("Who?"), 4, Corruption("shuffle", 1.0, 1))
    with pytest.raises(LanguageModelError, match="on its engine"):
        ProxyModel.connect(url, api_key="key").generate([task])


def test_given_answers_are_scored_by_the_scorer_or_not_at_all(url, tiny_model):
    tasks = [Scoring(Prompt("Who?"), "Orla")]
    with pytest.raises(LanguageModelError, match="--bundle"):
        ProxyModel.connect(url).score(tasks)
    scored = ProxyModel.connect(url, scorer=tiny_model).score(tasks)
    assert scored[0].tolist() == tiny_model.score(tasks)[0].tolist()
