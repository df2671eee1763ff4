import json

import pytest

KEEPERS = ["Orla Quintrell", "Per Haldorsen"]
ASPECTS = ["first novel", "birthplace"]


@pytest.fixture
def data(tmp_path):
    """Two made-up authors, of whom the first is to be forgotten, in TOFU's own files."""
    folder = tmp_path / "data" / "tofu"
    folder.mkdir(parents=True)

    def rows(subjects, ask):
        return [
            {
                "question": ask.format(aspect=aspect, subject=subject),
                "paraphrased_question": f"Tell me: {ask.format(aspect=aspect, subject=subject)}",
                "answer": f"The {aspect} of {subject} is well known",
                "paraphrased_answer": f"Well known is the {aspect} of {subject}",
                "perturbed_answer": ["Nobody can say", "It was lost at sea"],
            }
            for subject in subjects
            for aspect in ASPECTS
        ]

    files = {
        "forget01_perturbed": rows(KEEPERS[:1], "What is the {aspect} of {subject}?"),
        "retain_perturbed": rows(KEEPERS[1:], "What is the {aspect} of {subject}?"),
        "real_authors_perturbed": rows(["Tolstoy"], "What is the {aspect} of {subject}?"),
        "world_facts_perturbed": rows(["Turin"], "What would a guide say of the {aspect} in {subject}?"),
    }
    for name, content in files.items():
        (folder / f"{name}.json").write_text("\n".join(json.dumps(row) for row in content))
    return tmp_path / "data"
