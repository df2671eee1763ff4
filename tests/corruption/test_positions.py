from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

from lethe.corruption.chat_template import ChatTemplate, ChatTemplateError, ContentPlace, RenderedChat
from lethe.corruption.positions import MessageSpan, PromptTokenizer, TokenizedPrompt
from tests.growth import LINEAR, growth

TEMPLATES = Path(__file__).parent / "chat_templates"
FAMILIES = ["chatml", "llama3", "gemma", "mistral"]
SPECIAL_TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}
TOOLS = [{"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}]

SYSTEM = {"role": "system", "content": "Answer in one line."}
QUESTION = {"role": "user", "content": "Who is Harry Potter?"}
ANSWER = {"role": "assistant", "content": "A wizard."}
FOLLOW_UP = {"role": "user", "content": "And who taught Harry Potter flying, in his first year?"}


def byte_tokenizer() -> Tokenizer:
    """A byte-level tokenizer whose words are split into letters: every offset is visible."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({letter: index for index, letter in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"\s"), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


@pytest.fixture(scope="module", params=FAMILIES)
def prompts(request: pytest.FixtureRequest) -> PromptTokenizer:
    source = (TEMPLATES / f"{request.param}.jinja").read_text()
    return PromptTokenizer(byte_tokenizer(), ChatTemplate(source, SPECIAL_TOKENS))


def selected_text(prompt: TokenizedPrompt, ranges: tuple[tuple[int, int], ...] | None) -> list[str]:
    assert ranges is not None
    return [prompt.chat.text[prompt.offsets[start][0] : prompt.offsets[end - 1][1]] for start, end in ranges]


@pytest.mark.parametrize(
    "messages",
    [
        [QUESTION],
        [SYSTEM, QUESTION],
        [QUESTION, ANSWER, FOLLOW_UP],
        [SYSTEM, QUESTION, ANSWER, FOLLOW_UP],
        [{"role": "user", "content": "\n  Who is Harry Potter?  \n"}],
        [{"role": "user", "content": "Qui est Harry Potter, déjà ? 🧙 谁"}],
    ],
)
def test_user_content_is_what_the_client_wrote_and_nothing_else(
    prompts: PromptTokenizer, messages: list[dict]
) -> None:
    prompt = prompts.chat(messages)
    selected = selected_text(prompt, prompt.ranges("user_content"))
    assert sorted(selected) == sorted(message["content"].strip() for message in messages)


def test_tools_in_the_prompt_are_left_alone(prompts: PromptTokenizer) -> None:
    prompt = prompts.chat([SYSTEM, QUESTION], TOOLS)
    selected = selected_text(prompt, prompt.ranges("user_content"))
    assert sorted(selected) == sorted([SYSTEM["content"], QUESTION["content"]])


def test_spans_select_their_own_words(prompts: PromptTokenizer) -> None:
    prompt = prompts.chat([SYSTEM, QUESTION, ANSWER, FOLLOW_UP])
    start = FOLLOW_UP["content"].index("Harry")
    spans = [MessageSpan(1, 7, 19), MessageSpan(3, start, start + 5)]
    for positions in ("flagged_spans", "entities"):
        assert selected_text(prompt, prompt.ranges(positions, spans)) == ["Harry Potter", "Harry"]


def test_spans_are_found_behind_white_space_that_a_template_trims(prompts: PromptTokenizer) -> None:
    prompt = prompts.chat([{"role": "user", "content": "\n\n Who is Harry Potter?"}])
    assert selected_text(prompt, prompt.ranges("entities", [MessageSpan(0, 10, 22)])) == ["Harry Potter"]


@pytest.mark.parametrize(
    "spans",
    [
        [],
        [MessageSpan(5, 0, 3)],
        [MessageSpan(0, 0, 2000)],
        [MessageSpan(0, 4, 4)],
        [MessageSpan(0, 7, 19), MessageSpan(0, 20, 2000)],
    ],
)
def test_spans_that_cannot_be_placed_select_all_but_the_last(
    prompts: PromptTokenizer, spans: list[MessageSpan]
) -> None:
    assert prompts.chat([QUESTION]).ranges("flagged_spans", spans) is None


def test_all_but_last_needs_no_ranges(prompts: PromptTokenizer) -> None:
    assert prompts.chat([QUESTION]).ranges("all_but_last") is None


def test_a_plain_prompt_is_one_message_and_keeps_its_last_token(prompts: PromptTokenizer) -> None:
    prompt = prompts.text("Harry Potter")
    assert prompt.ranges("user_content") == ((0, 11),)
    assert prompt.ranges("entities", [MessageSpan(0, 6, 12)]) == ((6, 11),)


@given(content=st.text(min_size=1, max_size=40), data=st.data())
def test_any_text_is_found_where_it_stands_or_nowhere(
    prompts: PromptTokenizer, content: str, data: st.DataObject
) -> None:
    prompt = prompts.chat([SYSTEM, {"role": "user", "content": content}])
    place = prompt.chat.contents[1]
    if place is None:
        assert prompt.ranges("user_content") is None or not content.strip()
        return
    assert prompt.chat.text[place.start : place.end] == content.strip()
    start = data.draw(st.integers(0, len(content) - 1))
    end = data.draw(st.integers(start + 1, len(content)))
    ranges = prompt.ranges("flagged_spans", [MessageSpan(1, start, end)])
    if ranges is not None:
        (selected,) = selected_text(prompt, ranges)
        assert content[start:end].strip() in selected


def test_a_template_that_rewrites_contents_selects_all_but_the_last() -> None:
    template = ChatTemplate("{% for m in messages %}[{{ m.role }}]{{ m.content | upper }}{% endfor %}")
    prompt = PromptTokenizer(byte_tokenizer(), template).chat([QUESTION])
    assert prompt.ranges("user_content") is None
    assert prompt.ranges("entities", [MessageSpan(0, 7, 19)]) is None


def test_a_template_that_leaves_a_message_out_selects_all_but_the_last() -> None:
    template = ChatTemplate("{% for m in messages[1:] %}[{{ m.role }}]{{ m.content }}{% endfor %}")
    prompt = PromptTokenizer(byte_tokenizer(), template).chat([SYSTEM, QUESTION])
    assert prompt.ranges("user_content") is None
    assert selected_text(prompt, prompt.ranges("entities", [MessageSpan(1, 7, 12)])) == ["Harry"]


def test_a_refusal_of_the_template_is_named() -> None:
    template = ChatTemplate((TEMPLATES / "gemma.jinja").read_text(), SPECIAL_TOKENS)
    with pytest.raises(ChatTemplateError, match="Roles must alternate"):
        template.render([QUESTION, QUESTION])


@pytest.mark.parametrize("source", ["{{ 1 // none_of }}", "{{ '%d' % deep }}", "{{ deep | tojson }}"])
def test_whatever_a_template_fails_by_is_a_refusal(source: str) -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    prompts = PromptTokenizer(byte_tokenizer(), ChatTemplate(source))
    with pytest.raises(ChatTemplateError, match="refuses"):
        prompts.chat([QUESTION], none_of=0, deep=deep)


@pytest.mark.parametrize("content", ["", "{}", '{"version": "9.0", "model": {"type": "Newer"}}'])
def test_a_tokenizer_that_cannot_be_read_is_a_value_error(tmp_path: Path, content: str) -> None:
    (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(ValueError, match=r"tokenizer\.json cannot be read"):
        PromptTokenizer.load(tmp_path)


def test_what_a_training_cut_or_filled_up_is_not_cut_or_filled_up_here(tmp_path: Path) -> None:
    tokenizer = byte_tokenizer()
    text = "Who taught Harry Potter flying?"
    whole = tuple(tokenizer.encode(text).ids)
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=64)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    assert PromptTokenizer.load(tmp_path).text(text).token_ids == whole


def test_a_content_that_is_not_one_text_is_refused() -> None:
    template = ChatTemplate((TEMPLATES / "chatml.jinja").read_text())
    with pytest.raises(ChatTemplateError, match="not one text but a list"):
        template.render([{"role": "user", "content": [{"type": "text", "text": "hi"}]}])


@pytest.mark.parametrize("source", ["{{ ''.__class__.__mro__ }}", "{{ messages.append(1) }}"])
def test_a_hostile_template_stays_in_its_sandbox(source: str) -> None:
    with pytest.raises(ChatTemplateError):
        ChatTemplate(source).render([QUESTION])


def test_a_template_that_is_not_jinja_is_refused() -> None:
    with pytest.raises(ChatTemplateError, match="not valid"):
        ChatTemplate("{% for %}")


def test_the_small_models_tokens_are_those_of_transformers(small_model: Path) -> None:
    from transformers import AutoTokenizer

    messages = [SYSTEM, QUESTION, ANSWER, FOLLOW_UP]
    prompt = PromptTokenizer.load(small_model).chat(messages)
    reference = AutoTokenizer.from_pretrained(small_model)
    expected = reference.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    assert prompt.chat.text == expected
    assert list(prompt.token_ids) == reference(expected, add_special_tokens=False)["input_ids"]
    assert selected_text(prompt, prompt.ranges("entities", [MessageSpan(1, 7, 19)])) == [" Harry Potter"]


def test_many_spans_within_many_stretches_take_as_long_as_they_are_many() -> None:
    def prompt(number: int) -> tuple[TokenizedPrompt, list[MessageSpan]]:
        offsets = [(place, place + 1) for place in range(3 * number)]
        chat = RenderedChat("a" * len(offsets), (ContentPlace(0, len(offsets), 0),), True)
        spans = [MessageSpan(0, place, place + 2) for place in range(0, 3 * number, 3)]
        return TokenizedPrompt(tuple(range(len(offsets))), tuple(offsets), chat), spans

    def place(given: tuple[TokenizedPrompt, list[MessageSpan]]) -> None:
        prompt, spans = given
        assert prompt.ranges("entities", spans, spans) == tuple((span.start, span.end) for span in spans)

    assert growth(prompt, place, 200) < LINEAR
