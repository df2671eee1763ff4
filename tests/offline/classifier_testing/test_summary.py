import pytest

from lethe.classifier.conversation import Conversation
from lethe.classifier.verdict import Status
from lethe.offline.classifier_testing.judging import JudgedText
from lethe.offline.classifier_testing.summary import flags_by_threshold, summarize_groups
from lethe.offline.classifier_testing.tables import groups_table, thresholds_table
from lethe.offline.classifier_testing.texts import HeldOutText


def judged(
    probability: float,
    flag: bool | None = None,
    group: str = "named",
    milliseconds: float = 1.0,
    status: Status = "ok",
    reach: float | None = None,
) -> JudgedText:
    text = HeldOutText("here", {"text": "x"}, Conversation.from_prompt("x"), group, flag)
    return JudgedText(text, 0.5, probability, status, milliseconds, probability if reach is None else reach)


def test_groups_are_counted_apart_and_together() -> None:
    named, described, together = summarize_groups(
        [
            judged(0.9, True, milliseconds=1.0),
            judged(0.1, True, milliseconds=3.0, status="too_long"),
            judged(0.9, False, group="described", status="unclassifiable"),
            judged(0.4, group="described"),
        ]
    )
    assert (named.name, described.name, together.name) == ("named", "described", "all")
    assert (named.flags.every, named.flags.found, named.flags.wrong) == ((1, 2), (1, 2), (0, 0))
    assert (described.flags.every, described.flags.found, described.flags.wrong) == ((1, 2), (0, 0), (1, 1))
    assert together.flags.every == (2, 4)
    assert (named.median_ms, named.worst_ms) == pytest.approx((2.0, 2.98))
    assert (together.too_long, together.unclassifiable) == (1, 1)


def test_one_group_is_not_counted_twice() -> None:
    assert [each.name for each in summarize_groups([judged(0.9)])] == ["named"]


def test_a_threshold_flags_what_reaches_it_and_its_length() -> None:
    texts = [
        judged(0.9, True),
        judged(0.3, True),
        judged(0.3, False),
        judged(0.4, True, reach=0.0),
    ]
    flags = dict(flags_by_threshold(texts, 0.5))
    assert (flags[0.5].found, flags[0.5].wrong) == ((1, 3), (0, 1))
    assert (flags[0.3].found, flags[0.3].wrong) == ((2, 3), (1, 1))


def test_tables_line_up_and_show_what_is_known() -> None:
    texts = [judged(0.9, True), judged(0.1, True, group="described at length")]
    table = groups_table(summarize_groups(texts))
    assert len({len(line) for line in table.splitlines()}) == 1
    assert "1/2: 50.0 % (9.5–90.5)" in table
    assert "found" in table
    assert "wrongly flagged" not in table


def test_without_labels_thresholds_say_what_is_flagged() -> None:
    table = thresholds_table(flags_by_threshold([judged(0.9), judged(0.1)], 0.5), 0.5)
    [row] = [line for line in table.splitlines() if "0.5 (judged at)" in line]
    assert "1 of 2" in row
    assert "found" not in table
