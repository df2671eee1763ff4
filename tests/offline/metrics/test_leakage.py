import pytest

from lethe.offline.metrics.leakage import leak_rate, leaked_facts


def test_a_fact_is_found_whole_and_in_any_case():
    assert leaked_facts("It is in HOGWARTS, he said.", ["Hogwarts", "hog"]) == ("Hogwarts",)


def test_what_the_prompt_already_says_is_no_leak():
    assert leaked_facts("Harry Potter is a boy.", ["Harry Potter"], prompt="Who is Harry Potter?") == ()


def test_leak_rate_counts_outputs_not_facts():
    outputs = ["Ron and Hermione", "a boy"]
    assert leak_rate(outputs, [["Ron", "Hermione"]] * 2, ["Who are his friends?"] * 2) == 0.5


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="got 1 outputs"):
        leak_rate(["a"], [], ["b"])
