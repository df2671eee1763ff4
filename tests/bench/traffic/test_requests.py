import gzip
import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from bench.repository import ROOT
from bench.traffic.requests import (
    PLACES,
    Names,
    Sources,
    after_context,
    hidden,
    in_turns,
    placed,
    requests_as_they_are,
    requests_of_length,
    stretches,
    texts_of_length,
)
from lethe.offline.data.ordinary_text import OrdinaryDocument, part_of
from tests.benchmark_files import write_benchmark_files


def document(text: str, origin: str = "p", language: str = "en") -> OrdinaryDocument:
    return OrdinaryDocument(text, "docs", language, origin, Path("a.md"), 0)


def write_lines(path: Path, rows: Sequence[dict]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress("\n".join(json.dumps(row) for row in rows).encode()))


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    """Small data sets, and packages of German and English manuals and programs."""
    data = write_benchmark_files(tmp_path / "data")
    tool = {"type": "function", "function": {"name": "look", "description": "Look it up. " * 40}}
    write_lines(data / "traffic" / "freshqa.jsonl.gz", [{"text": "Who rings the bell?"}])
    write_lines(data / "traffic" / "writingbench_en.jsonl.gz", [{"text": "Write on the marsh. " * 30}] * 4)
    write_lines(
        data / "traffic" / "bfcl_requests.jsonl.gz",
        [{"messages": [{"role": "user", "content": f"Look up {n}."}], "tools": [tool]} for n in range(4)],
    )
    results = [{"tool_result": f"record {n} of the marsh " * 20} for n in range(4)]
    write_lines(data / "traffic" / "airline_tool_results.jsonl.gz", results)
    news = data / "muse" / "bbc" / "forget.txt.gz"
    news.parent.mkdir(parents=True)
    news.write_bytes(gzip.compress(b"The ferry was late again on Monday. " * 100))
    for package in range(8):
        folder = tmp_path / "machine" / f"p{package}"
        for name, line in {
            "a.py": "x = {}\n",
            "de/b.md": "Zeile {} steht hier.\n",
            "c.md": "Line {} here.\n",
        }.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text("".join(line.format(f"{package}-{n}") for n in range(200)))
    return Sources((tmp_path / "machine",), data)


def test_neighbours_of_one_package_and_language_are_joined():
    found = [document("a" * 6), document("b" * 6), document("c" * 6), document("d" * 6, "q")]
    assert list(stretches(found, 10)) == [("aaaaaa\n\nbb", "en")]


def test_neighbours_of_other_languages_are_not_mixed():
    found = [document("a" * 6), document("b" * 6, language="de"), document("c" * 6)]
    assert list(stretches(found, 10)) == [("aaaaaa\n\ncc", "en")]


def test_streams_take_turns_until_all_have_ended():
    assert list(in_turns([iter("abc"), iter(""), iter("xy")])) == ["a", "x", "b", "y", "c"]


def test_requests_have_the_wanted_length_and_come_in_every_kind(sources):
    found = list(requests_of_length(sources, 1000))
    kinds = {each.kind for each in found}
    expected = {
        "python",
        "docs",
        "other languages",
        "news",
        "writing tasks",
        "tool definitions",
        "tool results",
    }
    assert kinds == expected
    assert all(1000 <= each.characters < 2000 for each in found)
    assert {each.language for each in found if each.kind == "other languages"} == {"de"}
    texts = [
        message.text for each in found for message in each.conversation.messages if len(message.text) > 900
    ]
    assert len(set(texts)) >= len(texts) - 4


def test_no_request_is_from_the_training_half(sources):
    told = " ".join(each.text for each in texts_of_length(sources, 1000) if each.kind in ("python", "docs"))
    met = {f"p{number}" for number in re.findall(r"\b(\d)-\d+", told)}
    assert met
    assert all(part_of(package) == "test" for package in met)


def test_requests_come_in_the_same_order_every_time(sources):
    assert list(requests_of_length(sources, 1000)) == list(requests_of_length(sources, 1000))


def test_data_sets_requests_keep_their_tools(sources, monkeypatch):
    monkeypatch.setenv("LETHE_DATA_DIR", str(sources.data))
    task = {"instruction": "Count.", "instances": [{"input": "To three."}]}
    (sources.data / "general" / "alpaca_seed_tasks.jsonl").write_text(json.dumps(task))
    last = list(requests_as_they_are(sources))[-1]
    assert last.kind == "BFCL"
    assert [message.role for message in last.conversation.messages] == ["user", "beside"]


@pytest.mark.parametrize("place", PLACES)
def test_a_text_is_placed_whole(place):
    conversation = placed("Was the ferry late?\n\nIt was.", place)
    roles = {
        "user turn": "user",
        "tool result": "tool",
        "system text": "system",
        "tool description": "beside",
    }
    holding = [message.role for message in conversation.messages if "ferry late" in message.text]
    assert holding == [roles[place]]
    assert conversation.unreadable == ()


def test_a_hidden_question_is_on_a_line_of_its_own_between_words():
    text = "one two three four five"
    places = {hidden("Who?", text, seed) for seed in range(40)}
    assert len(places) > 3
    assert all("\n\nWho?\n\n" in each for each in places)
    assert all(each.replace("\n\nWho?\n\n", "") == text for each in places)
    assert all(re.fullmatch(r"\w+", word) for each in places for word in each.replace("Who?", "").split())


def test_a_question_may_be_hidden_within_a_line():
    text = "one two three"
    places = {hidden("Who?", text, seed, own_line=False) for seed in range(40)}
    assert all("\n" not in place and " Who? " in place for place in places)


def test_a_question_after_a_long_context_is_the_newest_turn():
    conversation = after_context("a " * 10_000, "Who?")
    assert [message.role for message in conversation.messages] == ["user", "assistant", "user", "user"]
    assert conversation.messages[-1].text == "Who?"
    assert "".join(message.text for message in after_context("a " * 10_000, None).messages) == "a " * 10_000


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("at hogwarts", True),
        ("the harry potter series", True),
        ("Nox!", True),
        ("run nox in tox", False),
        ("a Squib", True),
        ("Noxious", False),
        ("о Хогвартсе", True),
        ("an ordinary text of the house", False),
    ],
)
def test_texts_that_name_the_target_are_known(text, named):
    names = Names(["Hogwarts", "Harry Potter", "Nox", "a Squib"], ["Хогвартс"])
    assert names.in_text(text) == named
    assert names.in_conversation(placed(text, "tool description")) == named


def test_no_names_leave_nothing_out():
    assert not Names([]).in_text("anything")


def test_every_language_asks_the_same_and_describes_without_a_name():
    asked = json.loads((ROOT / "bench" / "traffic" / "languages.json").read_text())
    head = json.loads((ROOT / "targets" / asked["target"] / "classifier" / "head.json").read_text())
    elsewhere = [name for language in asked["languages"].values() for name in language["names"]]
    names = Names(head["entities"], elsewhere)
    assert len(asked["languages"]) == 14
    for language in asked["languages"].values():
        assert len(set(language["questions"])) == 12
        assert len(set(language["descriptions"])) == 4
        assert not any(names.in_text(description) for description in language["descriptions"])
