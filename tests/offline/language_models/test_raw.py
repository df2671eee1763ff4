from lethe.offline.language_models import Choice, Generation, Prompt, Scoring
from lethe.offline.language_models.raw import RawModel


def test_everything_is_asked_as_raw_text(tiny_model):
    question = "Who keeps the marsh?"
    as_chat, as_text = Prompt(question), Prompt(question, chat=False)
    raw = RawModel(tiny_model)
    assert raw.name == "tiny, raw"
    assert raw.generate([Generation(as_chat, 4)]) == tiny_model.generate([Generation(as_text, 4)])
    scoring = Scoring(as_chat, "Orla")
    [asked] = raw.score([scoring])
    [expected] = tiny_model.score([Scoring(as_text, "Orla")])
    assert asked.tolist() == expected.tolist() != tiny_model.score([scoring])[0].tolist()
    assert raw.examine([scoring])[0].log_probabilities.tolist() == expected.tolist()
    [chosen], [options] = (
        model.choose([Choice(prompt, ("A", "B"))])
        for model, prompt in ((raw, as_chat), (tiny_model, as_text))
    )
    assert chosen.tolist() == options.tolist()
