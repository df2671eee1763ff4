"""Forgets news articles that a small model knows by heart: ``python -m bench.reproduction.copyright``.

Teaches the model passages of MUSE-News until it continues them word for word, some to be forgotten and some to be kept,
then puts ECO's guard before it. A model taught the kept passages alone is what perfect forgetting would give;
``make reproduce-copyright``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from bench.reproduction.command import Say, argument_parser, data_folder, timed_lines
from bench.reproduction.guard import has_classifier, has_corruption, learn_into, train_classifier_into
from bench.reproduction.machine import describe_machine
from bench.reproduction.report import copy_picture
from bench.reproduction.serving import served
from lethe.bundle.files import replace_file
from lethe.corruption.description import read_artifact
from lethe.models.cache import cache_folder
from lethe.models.smollm2 import prepare_smollm2
from lethe.offline.corruption_learning.evaluator import CorruptionEvaluator
from lethe.offline.corruption_learning.settings import LearningSettings
from lethe.offline.data.files import read_json_list
from lethe.offline.data.questions import ForgetQuestion
from lethe.offline.evaluation.copyrighted import compare_with_retain, evaluate_copyright
from lethe.offline.evaluation.muse import MuseQuestions
from lethe.offline.evaluation.plots import plot_results
from lethe.offline.evaluation.results import Result, markdown_table, write_results
from lethe.offline.language_models import Generation, LanguageModel, Prompt
from lethe.offline.language_models.guarded import GuardedModel, guard_with_bundle, oracle
from lethe.offline.language_models.local import LocalModel
from lethe.offline.language_models.opening import open_proxy
from lethe.offline.language_models.recorded import RecordedModel
from lethe.offline.metrics.rouge import rouge_l
from lethe.offline.training.fine_tuning import FineTuningSettings, train

KEPT = "kept passages ROUGE-L"
_METRICS = ("probability", "rouge_l", "unique_tokens")
_SEARCHED = LearningSettings(
    functions=("rand_noise_first_n", "flip_sign_top_k", "zero_out_top_k"),
    dims=(1, 32, 256),
    strengths=(0.5, 2.0, 8.0, 32.0),
    restarts=2,
    steps=2,
    positions=("user_content",),
)

Passage = tuple[str, str]


@dataclass(frozen=True)
class CopyrightRecipe:
    """How much is learned, and how.

    Attributes
    ----------
    passages
        To be forgotten, and as many to be kept.
    beginning_words
        Words of an article that come before its passage.
    answer_tokens
        Length of the continuations.
    """

    passages: int = 16
    beginning_words: int = 48
    answer_tokens: int = 96
    fine_tuning: FineTuningSettings = field(
        default_factory=lambda: FineTuningSettings(epochs=20, batch_size=8, learning_rate=2e-4)
    )


class CopyrightReproduction:
    """The steps, each of which finds what the earlier ones left.

    Parameters
    ----------
    base
        Folder of the base model.
    data
        Benchmark data.
    work
        Where models, bundle and answers are kept.
    say
        Told what happens.
    """

    def __init__(self, recipe: CopyrightRecipe, base: Path, data: Path, work: Path, say: Say = print) -> None:
        self.recipe = recipe
        self.base = base
        self.work = work
        self.say = say
        self.bundle = work / "targets" / "news"
        articles = MuseQuestions.load("news", data).verbatim
        self.articles = articles[: recipe.passages]
        self.kept_articles = articles[recipe.passages : 2 * recipe.passages]
        self.other_texts = read_json_list(data / "muse" / "bbc" / "privleak" / "retain2.json")

    def measure(self, *, classifier: bool = True, cache: Path | None = None) -> list[Result]:
        """Continue the forgotten and the kept passages with every model, ECO by labels, by classifier, and as served.

        Without a classifier, ECO is guarded by the oracle's labels alone; without a cache folder for the proxy
        nothing is served.
        """
        retain, taught = self._open("retain"), self._open("taught")
        base = self._record(LocalModel.from_pretrained(str(self.base), name="base"))
        bundle = self.learn(taught, retain)
        corruption = read_artifact(bundle)
        forgotten = oracle(text for text, _ in self._passages(self.articles))
        results = [
            self._continuations(retain, "retain", base),
            self._continuations(taught, "taught", base),
            self._continuations(
                GuardedModel(taught, corruption, forgotten, "oracle"), "ECO, oracle labels", base
            ),
        ]
        if classifier:
            guarded = guard_with_bundle(taught, self.classify(bundle))
            results.append(self._continuations(guarded, "ECO", base))
        if classifier and cache:
            self.say("starting the proxy and its engine")
            with served(self.teach("taught"), bundle, cache) as running:
                results.append(self._continuations(open_proxy(running.url), "ECO, served", base))
        results = [compare_with_retain(result, results[0]) for result in results]
        write_results(results, self.work / "results")
        plot_results(results, self.work / "results" / "results.png")
        return results

    def teach(self, name: str) -> Path:
        """Teach the model that knows all passages, ``taught``, or the kept ones alone, ``retain``."""
        articles = self.kept_articles if name == "retain" else [*self.articles, *self.kept_articles]
        return train(
            self.base,
            self._questions(articles),
            self.recipe.fine_tuning,
            self.work / "models" / name,
            lambda epoch, loss: self.say(f"{name}: epoch {epoch}, loss {loss:.4f}"),
            chat=False,
        )

    def learn(self, taught: LanguageModel, retain: LanguageModel) -> Path:
        """Learn the corruption under which the forgotten passages go on as the retain model continues them."""
        if has_corruption(self.bundle):
            return self.bundle
        questions = self._questions(self.articles)
        evaluators = [
            CorruptionEvaluator(model, questions, _METRICS, max_tokens=self.recipe.answer_tokens, chat=False)
            for model in (taught, retain)
        ]
        surrogate = evaluators[1].measure([None])[0].values
        return learn_into(
            self.bundle,
            _SEARCHED.model_copy(update={"surrogate": surrogate}),
            evaluators[0],
            self.teach("taught"),
            self.work / "search.jsonl",
            self.say,
        )

    def classify(self, bundle: Path) -> Path:
        """Train the classifier to tell the forgotten articles from other news."""
        if has_classifier(bundle):
            return bundle
        return train_classifier_into(
            bundle,
            [part for article in self.articles for part in (*_pieces(article[0]), article[1])],
            [piece for text in self.other_texts for piece in _pieces(text)],
            [],
            self.work,
            self.say,
        )

    def _continuations(self, model: LanguageModel, name: str, base: LanguageModel) -> Result:
        self.say(f"measuring {name}")
        tokens = self.recipe.answer_tokens
        result = evaluate_copyright(model, self._passages(self.articles), base, tokens)
        kept = self._passages(self.kept_articles)
        outputs = model.generate([Generation(Prompt(text, chat=False), tokens) for text, _ in kept])
        overlap = np.mean(
            [rouge_l(text, output).f_measure for (_, text), output in zip(kept, outputs, strict=True)]
        )
        return replace(result, model=name, scores={**result.scores, KEPT: float(overlap)})

    def _passages(self, articles: Sequence[Passage]) -> list[Passage]:
        count = self.recipe.beginning_words
        return [(" ".join(text.split()[-count:]), " " + passage.strip()) for text, passage in articles]

    def _questions(self, articles: Sequence[Passage]) -> list[ForgetQuestion]:
        return [ForgetQuestion(question=text, answer=passage) for text, passage in self._passages(articles)]

    def _open(self, name: str) -> LanguageModel:
        return self._record(LocalModel.from_pretrained(str(self.teach(name)), name=name))

    def _record(self, model: LanguageModel) -> LanguageModel:
        return RecordedModel(model, self.work / "answers" / f"{model.name}.jsonl")


def write_page(page: Path, run: CopyrightReproduction, results: Sequence[Result]) -> None:
    """Write the page of the figures, with the picture beside it."""
    picture = copy_picture(run.work / "results" / "results.png", page, "copyright")
    recipe, training = run.recipe, run.recipe.fine_tuning
    text = f"""# Forgetting news articles

Written by `make reproduce-copyright`; nothing on this page is typed by hand.

{describe_machine()}

`taught` is SmolLM2-135M-Instruct after {training.epochs} epochs on {2 * recipe.passages} passages of MUSE-News, each after the
{recipe.beginning_words} words before it (batches of {training.batch_size}, learning rate {training.learning_rate:g}); {recipe.passages} of them are to be
forgotten, the others kept. `retain` was taught the kept ones alone. Scores are of the {recipe.answer_tokens} tokens after the beginnings
of the forgotten passages, `{KEPT}` of those after the kept ones; perplexity is under the untaught model. The classifier was
trained on the forgotten articles against other news. `ECO, served` went through `lethe serve`, vLLM and the plugin.

{markdown_table(results)}

![continuations]({picture})
"""
    replace_file(page, text)


def _pieces(text: str, words: int = 60) -> list[str]:
    """A text in pieces of so many words, as a prompt would quote them."""
    every = text.split()
    return [" ".join(every[start : start + words]) for start in range(0, len(every), words)]


def main() -> None:
    """Run all steps and write the page."""
    parser = argument_parser(__doc__ or "", Path("docs/reproduction-copyright.md"))
    parser.add_argument("--passages", type=int, default=16, help="passages to forget, and as many to keep")
    arguments = parser.parse_args()
    recipe = CopyrightRecipe(passages=arguments.passages)
    cache = cache_folder()
    work = cache / "reproduction" / f"copyright-{recipe.passages}"
    run = CopyrightReproduction(
        recipe, prepare_smollm2(cache), data_folder(parser, arguments), work, timed_lines()
    )
    write_page(arguments.page, run, run.measure(cache=cache))


if __name__ == "__main__":
    main()
