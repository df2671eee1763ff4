"""Every text of a conversation is of one kind, and a kind leads to what the operator chose."""

from typing import Any, get_args

import pytest

from lethe.classifier.conversation import Conversation
from lethe.server.guard.scope import TargetScope, kinds_of, without_kinds
from lethe.server.settings.policy import Consequence, ScopeKind, ScopeSettings
from tests.growth import LINEAR, growth

USER = {"role": "user", "content": "a"}
ANSWER = {"role": "assistant", "content": "b"}
CALL = {"role": "assistant", "tool_calls": [{"function": {"name": "c", "arguments": ""}}]}
RESULT = {"role": "tool", "content": "d"}
SYSTEM = {"role": "system", "content": "e"}


@pytest.mark.parametrize(
    ("messages", "kinds"),
    [
        ([USER], ["newest_turn"]),
        ([SYSTEM, USER], ["system", "newest_turn"]),
        ([USER, ANSWER, USER], ["earlier_turns", "assistant_turns", "newest_turn"]),
        ([USER, CALL, RESULT], ["newest_turn", "assistant_turns", "tool_results"]),
        # A question told in two messages is one turn, whatever stands between that is no answer.
        ([USER, ANSWER, USER, SYSTEM, USER], ["earlier_turns", "assistant_turns", "newest_turn", "system", "newest_turn"]),
        # The model goes on with the last one, as it does with a question.
        ([USER, ANSWER], ["newest_turn", "newest_turn"]),
        # Where no user speaks, what there is is what is asked.
        ([SYSTEM], ["newest_turn"]),
        ([{"role": "developer", "content": "a"}, USER], ["system", "newest_turn"]),
        ([{"role": "function", "content": "a"}, USER], ["tool_results", "newest_turn"]),
    ],
)  # fmt: skip
def test_a_message_is_of_the_kind_of_its_role_and_place(messages: list[Any], kinds: list[str]) -> None:
    conversation = Conversation.from_openai_messages(messages)
    assert [each[0] for each in kinds_of(conversation)] == kinds


def test_reasoning_is_a_kind_of_its_own_only_in_an_answer_and_outside_its_content() -> None:
    thinking = {"type": "thinking", "thinking": "c"}
    conversation = Conversation.from_openai_messages(
        [
            {"role": "user", "content": "a", "reasoning": "b"},
            {"role": "assistant", "content": [thinking, {"type": "text", "text": "d"}], "reasoning": "e"},
            USER,
        ]
    )
    assert kinds_of(conversation) == (
        ("earlier_turns", "earlier_turns"),
        ("assistant_turns", "assistant_turns", "reasoning"),
        ("newest_turn",),
    )


def test_what_stands_beside_the_messages_is_told_apart_and_what_is_not_known_is_as_what_is_asked() -> None:
    conversation = Conversation.from_openai_messages([USER], tools=["a"], documents=["b"], fields=["c"])
    assert kinds_of(conversation)[-1] == ("tool_definitions", "documents", "newest_turn")


def test_what_is_left_without_a_kind_keeps_everything_else() -> None:
    conversation = Conversation.from_openai_messages([USER, {**ANSWER, "reasoning": "c"}, USER], ["d"], ["e"])
    kinds = kinds_of(conversation)
    left = without_kinds(conversation, kinds, {"reasoning", "tool_definitions", "earlier_turns"})
    assert [message.text for message in left.messages] == ["", "b", "a", '"e"']
    assert without_kinds(conversation, kinds, {"system"}) is conversation


def test_by_default_nothing_is_let_through() -> None:
    scope = TargetScope.of(ScopeSettings(), {})
    assert scope.let_through == scope.skipped == frozenset()
    assert {*scope.by_kind} == {*get_args(ScopeKind)} == {*ScopeSettings.model_fields}


def test_a_target_may_have_other_scopes_and_the_strongest_counts() -> None:
    scope = TargetScope.of(
        ScopeSettings(system=Consequence.SKIP),
        {"tool_results": Consequence.OBSERVE, "documents": Consequence.REFUSE},
    )
    assert scope.skipped == {"system"}
    assert scope.let_through == {"system", "tool_results"}
    assert scope.strongest(["system", "tool_results"]) is Consequence.OBSERVE
    assert scope.strongest(["newest_turn", "documents"]) is Consequence.REFUSE


def test_the_kinds_of_many_parts_take_as_long_as_they_are_many() -> None:
    def conversation(number: int) -> Conversation:
        thoughts = [{"type": "thinking", "thinking": "a"}] * number
        return Conversation.from_openai_messages(
            [{"role": "assistant", "content": thoughts}, {"role": "user", "content": "b"}]
        )

    assert growth(conversation, kinds_of, 500) < LINEAR
