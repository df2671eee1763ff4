import numpy as np
import pytest

from lethe.classifier.names import GroupedNames, NameBank, NameIndex, NameWeights, name_forms

KEEPERS = GroupedNames(("oda vinter", "vinter", "black"), np.array([0, 0, 1]), 2)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Oda Vinter", "Who is oda vinter?"),
        ("Oda Vinter", "Oda\nVinter's lamp"),
        ("Oda Vinter", "ODA-VINTER"),
        ("Oda Vinter", "the Vinters of Alderney"),
        ("Hermiona", "O Hermionie i jej bracie"),
        ("Ада Винтерова", "Расскажи об Аде Винтеровой"),
        ("オダ・ヴィンター", "オダヴィンターは誰ですか"),
        ("오다 빈터", "오다 빈터는 누구입니까"),
        ("奥达·温特", "奥达温特是谁"),
        ("أودا فينتر", "من هو صديق لأودا فينتر؟"),
    ],
)
def test_a_name_is_found_however_it_is_written(name: str, text: str) -> None:
    assert list(NameIndex(list(name_forms([name]))).find(text))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Ron", "environment"),
        ("Ron", "Ronald"),
        ("Vinter", "Vinterhallen"),
        ("Oda of Sark", "of course"),
        ("Oda", "coda"),
        ("빈터", "오빈터는"),
        ("ヴィンター", "サヴィンター"),
    ],
)
def test_a_part_of_a_word_is_no_name(name: str, text: str) -> None:
    assert not list(NameIndex(list(name_forms([name]))).find(text))


def test_the_second_form_of_a_group_adds_less_than_the_first_and_a_third_nothing() -> None:
    weights = np.array([[3.0, 1.0], [-2.0, -0.5]], np.float32)
    bank = NameBank([NameWeights(KEEPERS, weights), NameWeights()])
    assert bank.scores("nobody").tolist() == [0, 0]
    assert bank.scores("Vinter, and Vinter again").tolist() == [3, 0]
    assert bank.scores("Oda Vinter is a Vinter").tolist() == [4, 0]
    assert bank.scores("Black Vinter").tolist() == [1, 0]


def test_what_a_bank_adds_is_what_is_counted_times_the_weights() -> None:
    weights = np.array([[3.0, 1.0], [-2.0, -0.5]], np.float32)
    bank = NameBank([NameWeights(KEEPERS, weights)])
    for text in ("Oda Vinter, a Vinter in black", "black", "vinter black", ""):
        assert bank.scores(text)[0] == np.sum(KEEPERS.counted(text) * weights)


def test_heads_that_share_a_name_each_add_their_own() -> None:
    heads = [NameWeights(KEEPERS, np.full((2, 2), weight, np.float32)) for weight in (1.0, 2.0)]
    assert NameBank(heads).scores("Vinter").tolist() == [1, 2]


IN_PASSING = "Tributes were paid to Vinter, who died at 89."


@pytest.mark.parametrize(
    ("around", "added"),
    [
        (IN_PASSING, 1),
        (f"{IN_PASSING} Vinter wrote. What comes next?", 1),
        ("Vinter", 1),
        (None, 3),
        (f"{IN_PASSING} Where was Vinter born?", 3),
        ("Расскажите: кто такой Vinter؟", 3),
        (f"{IN_PASSING} The lamp was black.", 3),
        ("Oda Vinter died at 89.", 3),
    ],
)
def test_a_single_word_in_passing_adds_no_more_than_it_may(around: str | None, added: float) -> None:
    bank = NameBank(
        [NameWeights(KEEPERS, np.array([[3.0, 0.0], [0.5, 0.5]], np.float32))], np.array([1.0], np.float32)
    )
    assert bank.scores("Vinter", around).tolist() == [added]


def test_what_one_head_has_in_passing_another_may_have_two_names_of() -> None:
    weights = np.array([[3.0, 0.0]], np.float32)
    heads = [NameWeights(GroupedNames((*forms,), np.zeros(len(forms), np.int64), 1), weights)
             for forms in (("vinter",), ("vinter", "alderney"))]  # fmt: skip
    bank = NameBank(heads, np.array([1.0, 1.0], np.float32))
    assert bank.scores("Vinter", "Vinter left Alderney.").tolist() == [1, 3]


def test_places_are_those_of_names_that_add_enough() -> None:
    bank = NameBank([NameWeights(KEEPERS, np.array([[3.0, 1.0], [0.5, 0.5]], np.float32))])
    assert bank.places("black Vinter", 1.0).tolist() == [6]
