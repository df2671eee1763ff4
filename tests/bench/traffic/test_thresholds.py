"""What is told of thresholds that a head does not have."""

from bench.traffic.thresholds import thresholds_table


def test_each_threshold_counts_what_reaches_it() -> None:
    table = thresholds_table(
        0.5, to_find={"held out": [0.9, 0.5, 0.2, 0.0]}, to_keep={"near": [0.3, 0.0, 0.0]}
    )
    rows = [line.split(" | ") for line in table.splitlines()]
    assert [cell.strip("| ") for cell in rows[0]] == [
        "flagged from probability",
        "held out, flagged",
        "near, flagged",
    ]
    counts = {row[0].strip("| "): (row[1].split(":")[0], row[2].split(":")[0]) for row in rows[2:]}
    assert counts["0.5, as trained"] == ("2/4", "0/3")
    # The lowest finds all that can be found, and what no threshold flags stays missed.
    assert counts["0.2"] == ("3/4", "1/3")
    assert max(int(found.split("/")[0]) for found, _ in counts.values()) == 3
