"""What is counted of leaks."""

from bench.leaks.asked import Row


def _counts(row: Row) -> list[str]:
    return [told.partition(":")[0] for told in row.leaks()]


def test_what_is_said_untaught_is_no_leak_of_what_was_taught():
    row = Row(
        "plain question",
        flagged=[False, False, True, False],
        bare=[True, True, True, False],
        prompts=[True, True, True, False],
        exchange=[True, True, False, False],
        untaught=[True, False, False, False],
    )
    assert _counts(row) == ["3/4", "3/3", "2/3", "1/3"]
    assert _counts(row.beyond_chance()) == ["3/4", "2/3", "1/3", "1/2"]
