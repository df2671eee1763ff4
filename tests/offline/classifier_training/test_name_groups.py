from lethe.classifier.names import name_forms
from lethe.offline.classifier_training.name_groups import group_names, rarely_named

FORMS = name_forms(["Oda Vinter", "Harbour House", "Sirkka", "Salt"])
ORDINARY = ["The house stands by the harbour, a house of stone. " * 40] * 100


def _is_word(word: str) -> bool:
    return word in {"harbour", "house", "salt"}


def test_forms_are_grouped_by_how_much_they_say() -> None:
    names = group_names(FORMS, _is_word, ORDINARY, [])
    group_of = dict(zip(names.forms, names.groups.tolist(), strict=True))
    assert group_of["oda vinter"] == group_of["sirkka"] == group_of["harbour hous"] == 0
    assert group_of["vinter"] > 0
    assert group_of["salt"] > 0
    assert not {"house", "harbour"} & group_of.keys()


def test_forms_that_allowed_prompts_share_are_a_group_of_their_own() -> None:
    names = group_names(FORMS, _is_word, ORDINARY, ["Who is Sirkka Salmi?"])
    group_of = dict(zip(names.forms, names.groups.tolist(), strict=True))
    assert group_of["sirkka"] not in {group_of["vinter"], group_of["salt"]}
    assert names.groups.max() < names.count


def test_a_text_with_a_rare_name_is_likely_about_the_target() -> None:
    names = group_names(FORMS, _is_word, ORDINARY, [])
    assert rarely_named(names, "A letter to Oda Vinter.")
    assert not rarely_named(names, ORDINARY[0])
