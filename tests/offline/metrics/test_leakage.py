import pytest

from lethe.offline.metrics.leakage import leak_rate, leaked_facts


def test_a_fact_is_found_whole_and_in_any_case():
    assert leaked_facts("It is in HOGWARTS, he said.", ["Hogwarts", "hog"]) == ("Hogwarts",)


@pytest.mark.parametrize(
    ("output", "fact", "named"),
    [
        ("作者是罗琳写的", "罗琳", True),
        ("해그리드는 거인이다", "해그리드", True),
        ("Это Хогвартс.", "хогвартс", True),
        ("Это Хогвартсу.", "Хогвартс", False),
        ("是Ron吗", "Ron", True),
        ("是Rons吗", "Ron", False),
    ],
)
def test_a_fact_needs_no_space_around_it_in_scripts_that_have_none(
    output: str, fact: str, named: bool
) -> None:
    assert bool(leaked_facts(output, [fact])) == named


def test_what_the_prompt_already_says_is_no_leak():
    assert leaked_facts("Harry Potter is a boy.", ["Harry Potter"], prompt="Who is Harry Potter?") == ()


def test_leak_rate_counts_outputs_not_facts():
    outputs = ["Ron and Hermione", "a boy"]
    assert leak_rate(outputs, [["Ron", "Hermione"]] * 2, ["Who are his friends?"] * 2) == 0.5


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="got 1 outputs"):
        leak_rate(["a"], [], ["b"])
