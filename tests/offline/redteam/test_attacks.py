"""Attacks that adapt, with means that are written down; and the server that they talk to."""

import asyncio
import random
from collections.abc import Sequence
from typing import Any

import pytest

from lethe.offline.attacks.disguises import Messages
from lethe.offline.attacks.search import SearchLimits
from lethe.offline.data.questions import ForgetQuestion
from lethe.offline.language_models.interface import LanguageModelError
from lethe.offline.redteam.attacks import ATTACKS, chosen_attacks
from lethe.offline.redteam.chat import ChatServer, Refused, connection
from tests.offline.language_models.json_server import JsonHandler, serving

PROBE = ForgetQuestion(question="Who keeps the light?", answer="Anselm", translations={"de": "Wer?"})


class Rewording:
    """An attacker's model that has three wordings, the last of which no guard knows."""

    words: Sequence[str] = ("tax",)
    limits = SearchLimits(10)

    def __init__(self) -> None:
        self.said: list[Messages] = []

    async def margins(self, texts: Sequence[str], /) -> list[float]:
        return [{"One": 2.0, "Two": 1.0, "Three": -1.0}.get(text, 3.0) for text in texts]

    async def ask(self, messages: Messages) -> str:
        return f"answer {len(messages)}"

    async def attacker(self, messages: Messages) -> str:
        self.said.append(messages)
        return ("One", "Two", " Three ")[len(self.said) - 1]


def test_an_attacker_s_model_is_told_what_was_recognised_until_a_wording_passes() -> None:
    means = Rewording()
    attempt = asyncio.run(ATTACKS["reworded by a model"].run(PROBE, means, random.Random(0)))
    assert attempt.messages == [{"role": "user", "content": "Three"}]
    assert attempt.queries == 3
    assert "Two" in means.said[2][-1]["content"]


def test_what_the_model_says_on_the_way_is_kept() -> None:
    attempt = asyncio.run(ATTACKS["doubted twice"].run(PROBE, Rewording(), random.Random(0)))
    assert attempt.on_the_way == ("answer 1", "answer 3")
    assert [each["content"] for each in attempt.messages[1::2]] == ["answer 1", "answer 3"]


def test_attacks_are_chosen_by_name_and_kind_and_by_what_there_is() -> None:
    everything, left_out = chosen_attacks((), scores=True, attacker=True, translations=True)
    assert everything.keys() == ATTACKS.keys()
    assert left_out == []
    bare, left_out = chosen_attacks((), scores=False, attacker=False, translations=False)
    assert {attack.needs for attack in bare.values()} == {"nothing"}
    assert [line.partition(":")[0] for line in left_out] == ["language", "search", "attacker model"]
    named, left_out = chosen_attacks(["quiz"], scores=False, attacker=False, translations=False)
    assert (list(named), left_out) == (["plain", "quiz"], [])
    assert ATTACKS["asked in de"].fits(PROBE)
    assert not ATTACKS["asked in fr"].fits(PROBE)


class SlowServer(JsonHandler):
    """Asks to come back once, refuses what says so, and breaks otherwise."""

    asked: list[Any] = []  # noqa: RUF012

    def do_POST(self) -> None:
        body = self.body()
        self.asked.append(body)
        if body["messages"][0]["content"] == "no":
            self.answer({"error": {"message": "not this"}}, 400)
        elif body["messages"][0]["content"] == "broken":
            self.answer({"error": {"message": "down"}}, 500)
        elif len(self.asked) == 1:
            self.send_response(429)
            self.send_header("Retry-After", "0.01")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")
        else:
            self.answer({"choices": [{"message": {"content": None}}, {"message": {"content": "b"}}]})


def test_a_server_that_is_busy_is_asked_again_and_a_refusal_is_told_from_a_fault() -> None:
    async def ask(content: str, role: str = "user") -> tuple[str, ...]:
        async with connection(2) as (session, limit):
            server = ChatServer(session, url, "key", limit)
            return (await server.ask("m", [{"role": role, "content": content}], 4, samples=2)).texts

    async def sampled() -> None:
        async with connection(2) as (session, limit):
            server = ChatServer(session, url, "key", limit)
            await server.ask("m", [{"role": "user", "content": "yes"}], 4, 2, 1.0, seed=7)

    with serving(SlowServer) as url:
        assert asyncio.run(ask("yes")) == ("", "b")
        assert asyncio.run(ask("Sure:", "assistant")) == ("", "b")
        assert SlowServer.asked[-1]["continue_final_message"] is True
        assert "seed" not in SlowServer.asked[-1]
        asyncio.run(sampled())
        assert (SlowServer.asked[-1]["n"], SlowServer.asked[-1]["seed"]) == (2, 7)
        with pytest.raises(Refused, match="not this"):
            asyncio.run(ask("no"))
        with pytest.raises(LanguageModelError, match="500: down"):
            asyncio.run(ask("broken"))
    with pytest.raises(LanguageModelError, match="cannot be reached"):
        asyncio.run(ask("yes"))
