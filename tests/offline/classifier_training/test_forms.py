"""Augmentation, windows, splitting and the made-up negatives."""

from collections import Counter, defaultdict
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lethe.offline.classifier_training.augmentation import augment
from lethe.offline.classifier_training.examples import Example
from lethe.offline.classifier_training.general_prompts import general_examples, general_prompts
from lethe.offline.classifier_training.names import entities_of, names_of, own_words
from lethe.offline.classifier_training.splitting import SplitPart, assign_groups, deduplicate, part_of_side
from lethe.offline.classifier_training.vocabulary import random_sentences
from lethe.offline.classifier_training.windows import training_windows

PROMPT = "Who is the keeper of the lighthouse on Alderney?"


@given(st.text(min_size=1, max_size=80), st.integers(0, 5))
def test_forms_are_reproducible_and_say_where_the_prompt_is(prompt: str, seed: int) -> None:
    variants = augment(prompt, 6, seed)
    assert variants == augment(prompt, 6, seed)
    assert variants[0].text == prompt
    for variant in variants:
        assert 0 <= variant.start <= variant.end <= len(variant.text)
        if variant.name in ("buried", "role-play", "structured", "after-turn"):
            assert variant.text[variant.start : variant.end] == prompt


def test_windows_are_labelled_by_what_they_hold() -> None:
    windows = training_windows([Example(PROMPT, "g")], 1, 10, 0)
    assert Counter(window.label for window in windows)[1] >= 6
    for window in windows:
        if PROMPT in window.text:
            assert window.label == 1
            assert len(PROMPT) >= 0.4 * len(window.text)
    assert all(window.label == 0 for window in training_windows([Example(PROMPT)], 0, 10, 0))


@given(st.sets(st.integers(0, 39)), st.sampled_from((0, 1)))
def test_the_windows_of_an_example_do_not_depend_on_the_others(chosen: set[int], label: int) -> None:
    examples = [Example(f"{PROMPT} Of house number {number}.") for number in range(40)]

    def windows(some: list[Example]) -> Counter[object]:
        return Counter(training_windows(some, label, 1, 0))

    one, other = ([e for n, e in enumerate(examples) if (n in chosen) == side] for side in (True, False))
    assert windows(one) + windows(other) == windows(examples)


def test_wordings_of_one_item_stay_on_one_side() -> None:
    examples = [Example("a", "item"), Example("b", "item"), Example("c"), Example("d"), Example("e")]
    embeddings = np.eye(5, dtype=np.float32)
    embeddings[3] = embeddings[2]  # c and d read alike
    grouped = assign_groups(examples, embeddings)
    assert grouped[0].group == grouped[1].group
    assert grouped[2].group == grouped[3].group
    assert len({example.group for example in grouped}) == 3
    for seed in range(20):
        for part in get_args(SplitPart):
            there = part_of_side(grouped, part, seed)
            assert (grouped[0] in there) == (grouped[1] in there)


def parts_of(examples: list[Example], seed: int = 0) -> dict[str, set[str]]:
    return {part: {e.text for e in part_of_side(examples, part, seed)} for part in get_args(SplitPart)}


def test_the_split_depends_on_content_not_on_order() -> None:
    examples = [Example(str(number)) for number in range(2000)]
    parts = parts_of(examples)
    assert len(parts["train"]) == pytest.approx(1400, abs=80)
    assert parts == parts_of(examples[::-1])


@given(st.integers(3, 40), st.integers(0, 1000))
def test_of_few_prompts_every_part_gets_some_and_each_prompt_is_in_one(count: int, seed: int) -> None:
    parts = parts_of([Example(str(number)) for number in range(count)], seed)
    assert all(parts.values())
    assert sum(map(len, parts.values())) == len(set().union(*parts.values())) == count


def test_duplicates_that_differ_in_case_or_spacing_are_dropped() -> None:
    assert deduplicate([Example("A b"), Example("a  B"), Example("c")]) == [Example("A b"), Example("c")]


def test_random_sentences_leave_out_what_the_target_says() -> None:
    words = ["lighthouse", "garden", "market", "##ing", "table", "orchard", "river", "bridge"]
    text = " ".join(random_sentences(words * 1, [PROMPT], rounds=40, seed=0)).lower()
    assert "lighthouse" not in text
    assert "orchard" in text
    assert "##ing" not in text


def test_targets_share_the_random_sentences_that_say_none_of_their_words() -> None:
    words = [f"{first}{second}word" for first in "abcdefghij" for second in "klmnopqrst"]
    one, other = ["akword blword"], ["What is cmword?"]
    drawn = [random_sentences(words, forget, 2, 0) for forget in ([], one, other)]
    assert len({len(sentences) for sentences in drawn}) == 1
    for everything, *sentences in zip(*drawn, strict=True):
        for sentence, used in zip(sentences, (("akword", "blword"), ("cmword",)), strict=True):
            assert (sentence == everything) == (not any(word in everything.lower() for word in used))
            assert not any(word in sentence.lower() for word in used)


@given(st.sets(st.sampled_from(["garden", "market", "table", "orchard", "river", "bridge"])))
def test_random_sentences_are_of_what_is_left_of_the_words(used: set[str]) -> None:
    words = {"garden", "market", "table", "orchard", "river", "bridge"}
    said = " ".join(random_sentences(words, [" ".join(used)], 40, 0)).lower()
    assert {word for word in words if word in said} == words - used


def test_where_words_are_wanted_in_random_sentences_they_are_put_into_code_too() -> None:
    words = ["garden", "market", "table", "orchard", "river", "bridge"] * 20
    assert any(
        text.startswith(("def ", "class ", "self.", "import ")) for text in random_sentences(words, [], 1, 0)
    )
    assert random_sentences(words, [], 0, 0) == []


def test_names_of_the_target_are_those_that_only_it_has() -> None:
    forget = [
        "Who is Basil Mahfouz?",
        "What did Basil Mahfouz write?",
        "Did New York honour Basil Mahfouz?",
        "New York?",
    ]
    assert names_of(forget, ["Where is New York?"]) == ["Basil Mahfouz"]


def test_what_a_few_prompts_mention_is_no_name_of_the_target() -> None:
    forget = [f"What did Basil Mahfouz write in the year {number}?" for number in range(60)]
    forget += ["Why is Cape Town in the books?", "Where in Cape Town is it?"]
    forget += ["Is Basil Mahfouz's Cairo sad?", "Who reads Basil Mahfouz's Cairo?"]
    forget += ["Who dies in The Saltmarsh Reeve?", "When was The Saltmarsh Reeve written?"]
    common = frozenset({"cape", "town", "cairo"})
    assert names_of(forget, [], common) == ["Basil Mahfouz", "the saltmarsh reeve"]
    assert "cape town" in names_of(forget, [])


def test_common_words_are_no_names_however_many_prompts_share_them() -> None:
    forget = [f"What did David Vinterholm {verb}?" for verb in ("write", "say", "do", "see", "eat", "hum")]
    near, ordinary = ["Who kept the marsh?"] * 9, ["What is the weather like?"] * 100
    words = ["david", "weather", "marsh", "vinterholm"]
    assert entities_of(forget, near, ordinary, words) == ("David Vinterholm", "vinterholm")
    assert entities_of(forget, near, ordinary, ()) == ("David Vinterholm", "david", "vinterholm")


def test_own_words_are_those_by_which_a_target_is_called() -> None:
    forget = [
        f"How does a brindlewick {verb} the garden?" for verb in ("weed", "water", "mow", "dig", "rake")
    ] * 2
    near = [f"How does a farmer {verb} the garden?" for verb in ("sow", "weed")] * 10 + [
        "Where is Brindlewick Lane?"
    ]
    assert own_words(forget, near, ["What is the weather like?"] * 100) == ["brindlewick"]
    assert own_words(forget, near, ["Brindlewick and all that"] * 100) == []


def test_ordinary_prompts_are_many_and_all_different() -> None:
    prompts = general_prompts()
    assert len(prompts) == len(set(prompts)) >= 2000


def test_prompts_of_one_template_are_one_group() -> None:
    groups = Counter(example.group for example in general_examples())
    assert groups["Who is {}?"] > 10
    assert groups[""] > 200  # written by hand, each an item of its own


def test_a_page_of_prose_and_its_paragraphs_are_one_group() -> None:
    groups: defaultdict[str, set[str]] = defaultdict(set)
    for example in general_examples():
        groups[example.group].add(example.text)
    pages = {name: max(texts, key=len) for name, texts in groups.items() if len(name) > 300 and name in texts}
    assert len(pages) > 50
    assert all(set(page.split("\n\n")) <= groups[name] for name, page in pages.items())
