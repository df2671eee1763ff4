from collections import Counter

from lethe.offline.classifier_training.examples import Example
from lethe.offline.classifier_training.ordinary_choice import sample_groups, without_target

EXAMPLES = [
    *(Example(f"what is {n}?", "what is {}?") for n in range(50)),
    *(Example(f"who is {n}?", "who is {}?") for n in range(5)),
    *(Example(f"prompt {n}") for n in range(10)),
]


def test_every_group_is_there_before_one_has_two():
    chosen = sample_groups(EXAMPLES, 12, seed=0)
    assert len({example.group or example.text for example in chosen}) == 12


def test_groups_give_evenly_until_they_have_no_more():
    sizes = Counter(example.group or example.text for example in sample_groups(EXAMPLES, 30, seed=0))
    assert sizes["who is {}?"] == 5
    assert sizes["what is {}?"] == 15


def test_all_are_chosen_where_there_are_no_more_than_wanted():
    assert sample_groups(EXAMPLES, 100, seed=0) == EXAMPLES


def test_most_of_the_choice_stays_where_examples_are_missing():
    before, after = sample_groups(EXAMPLES, 30, seed=0), sample_groups(EXAMPLES[3:], 30, seed=0)
    assert len(set(before) & set(after)) >= 26


def test_the_seed_decides():
    assert sample_groups(EXAMPLES, 20, seed=1) == sample_groups(EXAMPLES, 20, seed=1)
    assert sample_groups(EXAMPLES, 20, seed=1) != sample_groups(EXAMPLES, 20, seed=2)


def test_prompts_that_ask_about_the_target_are_left_out():
    prompts = [
        Example("Who was Orla Vance?"),
        Example("Who kept the  marsh?"),
        Example("Who was Ada Lovelace?"),
    ]
    assert without_target(prompts, [Example("who kept the marsh?")], ("Orla Vance",)) == prompts[2:]
