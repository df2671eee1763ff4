from lethe.classifier.names import name_forms
from lethe.offline.classifier_training.name_groups import group_names, rarely_named

FORMS = name_forms(["Oda Vinter", "Harbour House", "Sirkka"])
ORDINARY = ["The house stands by the harbour, a house of stone. " * 40] * 100


def test_forms_are_grouped_by_how_many_ordinary_texts_have_them() -> None:
    names = group_names(FORMS, ORDINARY, [])
    group_of = dict(zip(names.forms, names.groups.tolist(), strict=True))
    assert group_of["vinter"] == group_of["oda vinter"] == group_of["sirkk"] == 0
    assert group_of["house"] > group_of["vinter"]


def test_forms_that_allowed_prompts_share_are_a_group_of_their_own() -> None:
    names = group_names(FORMS, ORDINARY, ["Who is Sirkka Salmi?"])
    group_of = dict(zip(names.forms, names.groups.tolist(), strict=True))
    assert group_of["sirkk"] not in {group_of["vinter"], group_of["house"]}
    assert names.groups.max() < names.count


def test_a_text_with_a_rare_name_is_likely_about_the_target() -> None:
    names = group_names(FORMS, ORDINARY, [])
    assert rarely_named(names, "A letter to Oda Vinter.")
    assert not rarely_named(names, ORDINARY[0])
