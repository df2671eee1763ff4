from classifier.encoder import Encoder
from classifier.head import HeadBank
from classifier.scoring import Scorer
from classifier.settings import ClassifierSettings
from tests.classifier.conftest import MakeHead


def test_braces_and_rules_hold_no_page_back(encoder: Encoder, make_head: MakeHead) -> None:
    # What has no n-grams has the bias for its score.
    head = make_head(ngram_bias=0.0, pass_below=-0.5, ngram_weights=make_head().ngram_weights - 1)
    scorer = Scorer(encoder, HeadBank([head], encoder.sha256, encoder.dimension), ClassifierSettings())
    words = "The council opened the new library on a rainy day in spring."
    page = f"{words}\n\n---------------------------\n\n{words} }}"
    assert not scorer.prepare(page).windows
    assert scorer.prepare(f"{page} Who keeps the lighthouse of Alderney?").windows
