import asyncio
import json
import random

import pytest

from lethe.classifier.verdict import Verdict
from lethe.corruption.artifact import Corruption
from lethe.corruption.request import PlacedCorruption, prompt_digest
from lethe.offline.data.files import DataError
from lethe.offline.language_models import LanguageModelError, Prompt
from lethe.offline.language_models.encoding import PromptEncoder, corruption_request
from lethe.server.endpoints import ChatRequest, CompletionRequest
from lethe.server.engines.tokenizer import ServedTokenizer
from lethe.server.guard.decision import Decision, Outcome
from lethe.server.metrics import Metrics
from lethe.server.request.placement import Placer


@pytest.fixture(scope="module")
def encoder(tiny_model_folder):
    return PromptEncoder.from_pretrained(str(tiny_model_folder))


def ranges(encoder, text, positions="user_content", chat=True):
    corruption = Corruption("zero_out_first_n", 1.0, 1, positions=positions)
    return corruption_request(encoder.encode(Prompt(text, chat)), corruption).placed[0].ranges


def decoded(encoder, text, chat=True):
    ((start, end),) = ranges(encoder, text, chat=chat)
    return encoder.tokenizer.decode(encoder.encode(Prompt(text, chat)).token_ids[start:end])


def test_the_users_words_are_selected_and_nothing_of_the_template(encoder):
    assert decoded(encoder, "Who is Orla Quintrell?") == "Who is Orla Quintrell?"


@pytest.mark.parametrize("text", ["user", "assistant", "system"])
def test_words_that_the_template_also_says_are_found_where_the_user_says_them(encoder, text):
    token_ids = encoder.encode(Prompt(text)).token_ids
    ((start, end),) = ranges(encoder, text)
    assert decoded(encoder, text) == text
    assert encoder.tokenizer.decode(token_ids[:start]).endswith("user\n")
    assert encoder.tokenizer.decode(token_ids[end:]).startswith("<|im_end|>")


def test_a_raw_prompt_is_the_users_words_but_for_its_last_token(encoder):
    token_ids = encoder.encode(Prompt("Question: why?\nAnswer:", chat=False)).token_ids
    assert ranges(encoder, "Question: why?\nAnswer:", chat=False) == ((0, len(token_ids) - 1),)


def test_every_token_but_the_last_is_selected_by_default(encoder):
    token_ids = encoder.encode(Prompt("Who is Orla Quintrell?")).token_ids
    assert ranges(encoder, "Who is Orla Quintrell?", "all_but_last") == ((0, len(token_ids) - 1),)


def test_a_prompt_of_one_token_is_corrupted(encoder):
    assert len(encoder.encode(Prompt("The", chat=False)).token_ids) == 1
    assert ranges(encoder, "The", "all_but_last", chat=False) == ((0, 1),)


def served_request(tokenizer, text, chat, corruption):
    """What the proxy sends for the same prompt."""
    body = {"messages": [{"role": "user", "content": text}]} if chat else {"prompt": text}
    parsed = (ChatRequest if chat else CompletionRequest).parse(json.dumps(body).encode())
    placed = PlacedCorruption("candidate", "0", corruption)
    decision = Decision(Outcome.CORRUPT, corruptions=(placed,), verdicts=(Verdict((), "ok"),))
    return asyncio.run(Placer(Metrics()).place(parsed, decision, tokenizer))


WORDS = [
    "assistant",
    "user",
    "Who",
    "is",
    "Orla",
    "Quintrell",
    "naïve",
    "東京",
    "🦊🦊",
    "\n",
    " ",
    "\t",
    "<|im_end|>",
    "a",
    "?",
]


@pytest.mark.parametrize("positions", ["all_but_last", "user_content"])
def test_a_corruption_is_learned_on_the_tokens_that_the_proxy_corrupts(encoder, tiny_model_folder, positions):
    draw = random.Random(0)
    texts = [
        "Who is Orla Quintrell?", "assistant", "  spaces  ", "a\n\nb  c", "Zoë's naïve café, 東京 and 🦊🦊 together", " ", "Who",
        *("".join(draw.choices(WORDS, k=draw.randint(1, 9))) for _ in range(150)),
    ]  # fmt: skip
    corruption = Corruption("zero_out_first_n", 1.0, 1, positions=positions)
    tokenizer = ServedTokenizer(lambda: str(tiny_model_folder))
    for text in texts:
        for chat in (True, False):
            prompt = encoder.encode(Prompt(text, chat))
            learned = corruption_request(prompt, corruption)
            assert learned == served_request(tokenizer, text, chat, corruption).on(prompt.token_ids), text


def test_tokens_are_those_that_transformers_gives(encoder):
    for text in ("Who is Orla Quintrell?", "  spaces  ", "naïve 東京 🦊"):
        messages = [{"role": "user", "content": text}]
        chat = encoder.tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
        assert list(encoder.encode(Prompt(text)).token_ids) == chat
        assert (
            list(encoder.encode(Prompt(text, chat=False)).token_ids) == encoder.tokenizer(text)["input_ids"]
        )


def test_spans_of_a_classifier_are_refused(encoder):
    encoded = encoder.encode(Prompt("Who?"))
    with pytest.raises(LanguageModelError, match="through the proxy"):
        corruption_request(encoded, Corruption("zero_out_first_n", 1.0, 1, positions="entities"))


def test_a_scored_answer_counts_as_prompt_but_stays_clean(encoder):
    encoded = encoder.encode(Prompt("Who?"))
    answer = encoder.encode_answer("Nobody at all.")
    request = corruption_request(encoded, Corruption("zero_out_first_n", 1.0, 1), answer)
    assert request.prompt_tokens == len(encoded.token_ids) + len(answer)
    assert request.prompt_digest == prompt_digest([*encoded.token_ids, *answer])
    assert request.placed[0].ranges == ((0, len(encoded.token_ids) - 1),)


def test_an_option_of_several_tokens_is_refused(encoder):
    assert encoder.tokenizer.decode([encoder.encode_option("B")]) == "B"
    with pytest.raises(LanguageModelError, match="single tokens"):
        encoder.encode_option("Bucharest in spring")


@pytest.mark.parametrize("prompt", [Prompt(""), Prompt("", chat=False)])
def test_an_empty_prompt_is_refused(encoder, prompt):
    with pytest.raises(LanguageModelError, match="empty"):
        encoder.encode(prompt)


def test_a_folder_without_tokenizer_is_refused(tmp_path):
    with pytest.raises(LanguageModelError, match="no tokenizer"):
        PromptEncoder.from_pretrained(str(tmp_path))


def test_a_template_of_a_file_takes_the_place_of_the_models_own(tiny_model_folder, tmp_path):
    template = tmp_path / "questions.jinja"
    template.write_text("Question: {{ messages[0].content }}\nAnswer:")
    asked = PromptEncoder.from_pretrained(str(tiny_model_folder), template)
    token_ids = asked.encode(Prompt("Who keeps the marsh?")).token_ids
    assert asked.tokenizer.decode(token_ids) == "Question: Who keeps the marsh?\nAnswer:"
    ((start, end),) = ranges(asked, "Who keeps the marsh?")
    assert asked.tokenizer.decode(token_ids[start:end]).strip() == "Who keeps the marsh?"


@pytest.mark.parametrize(
    ("content", "error", "reason"),
    [(None, DataError, "questions.jinja"), ("{% if %}", LanguageModelError, "questions.jinja: .* not valid")],
)
def test_a_template_that_cannot_be_is_refused(tiny_model_folder, tmp_path, content, error, reason):
    template = tmp_path / "questions.jinja"
    if content is not None:
        template.write_text(content)
    with pytest.raises(error, match=reason):
        PromptEncoder.from_pretrained(str(tiny_model_folder), template)
