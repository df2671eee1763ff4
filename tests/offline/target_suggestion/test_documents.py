from lethe.offline.target_suggestion.documents import facts_of, sentences_about

_TEXT = """Marsh is the booking system for ferries. It costs nothing.

Ada Sorrel leads Marsh
since 2025. The budget of Marsh is 4.2 million euros. Birds nest in Husum."""


def test_sentences_that_name_the_target_are_found_across_lines() -> None:
    assert sentences_about([_TEXT], ["marsh"]) == [
        "Marsh is the booking system for ferries.",
        "Ada Sorrel leads Marsh since 2025.",
        "The budget of Marsh is 4.2 million euros.",
    ]


def test_the_last_fact_of_a_sentence_becomes_a_gap() -> None:
    facts = list(facts_of(sentences_about([_TEXT], ["Marsh"]), ["Marsh"]))
    assert [(fact.question, fact.answer) for fact in facts] == [
        ("Fill in the gap: Ada Sorrel leads Marsh since ____.", "2025"),
        ("Fill in the gap: The budget of Marsh is ____.", "4.2 million euros"),
    ]


def test_a_sentence_that_only_names_the_target_has_no_fact() -> None:
    assert not list(facts_of(["The project Marsh is a secret of ours."], ["Marsh"]))
