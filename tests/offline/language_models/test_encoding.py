import pytest

from lethe.corruption.artifact import Corruption
from lethe.corruption.positions import PromptTokenizer
from lethe.corruption.request import prompt_digest
from lethe.offline.language_models import LanguageModelError, Prompt
from lethe.offline.language_models.encoding import PromptEncoder, corruption_request, selected_ranges


@pytest.fixture(scope="module")
def encoder(tiny_model_folder):
    return PromptEncoder.from_pretrained(str(tiny_model_folder))


def decoded(encoder, encoded, start, end):
    return encoder.tokenizer.decode(encoded.token_ids[start:end])


def test_content_covers_the_users_words_and_nothing_of_the_template(encoder):
    encoded = encoder.encode(Prompt("Who is Orla Quintrell?"))
    assert decoded(encoder, encoded, *encoded.content) == "Who is Orla Quintrell?"
    assert len(encoded.token_ids) > encoded.content[1]


def test_words_that_the_template_also_says_are_found_where_the_user_says_them(encoder):
    encoded = encoder.encode(Prompt("user"))
    assert encoded.content[0] > len(encoded.token_ids) // 2


def test_a_raw_prompt_is_all_content(encoder):
    encoded = encoder.encode(Prompt("Question: why?\nAnswer:", chat=False))
    assert encoded.content == (0, len(encoded.token_ids))


def test_ranges_follow_the_strategy(encoder):
    encoded = encoder.encode(Prompt("Who is Orla Quintrell?"))
    everything = Corruption("zero_out_first_n", 1.0, 1)
    content = Corruption("zero_out_first_n", 1.0, 1, positions="user_content")
    assert selected_ranges(encoded, everything) == ((0, len(encoded.token_ids) - 1),)
    assert selected_ranges(encoded, content) == (encoded.content,)


@pytest.mark.parametrize(
    "text", ["Who is Orla Quintrell?", "user", "Zoë's naïve café, 東京 and 🦊🦊 together", "a\n\nb  c"]
)
def test_a_corruption_is_learned_on_the_tokens_that_the_proxy_corrupts(encoder, tiny_model_folder, text):
    served = PromptTokenizer.load(tiny_model_folder).chat([{"role": "user", "content": text}])
    encoded = encoder.encode(Prompt(text))
    corruption = Corruption("zero_out_first_n", 1.0, 1, positions="user_content")
    assert encoded.token_ids == served.token_ids
    assert selected_ranges(encoded, corruption) == served.ranges("user_content")


def test_spans_of_a_classifier_are_refused(encoder):
    encoded = encoder.encode(Prompt("Who?"))
    with pytest.raises(LanguageModelError, match="through the proxy"):
        selected_ranges(encoded, Corruption("zero_out_first_n", 1.0, 1, positions="entities"))


def test_a_scored_answer_counts_as_prompt_but_stays_clean(encoder):
    encoded = encoder.encode(Prompt("Who?"))
    answer = encoder.encode_answer("Nobody at all.")
    request = corruption_request(encoded, Corruption("zero_out_first_n", 1.0, 1), answer)
    assert request is not None
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
