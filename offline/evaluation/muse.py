"""MUSE: verbatim memory, knowledge, privacy (Shi et al., arXiv 2407.06460)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lethe.offline.data.files import DataError, read_json_list
from lethe.offline.evaluation.results import Result
from lethe.offline.language_models import Generation, LanguageModel, Prompt, Scoring
from lethe.offline.metrics.memorization import knowledge_memorization, verbatim_memorization
from lethe.offline.metrics.privacy import area_under_roc, min_k_score, privacy_leakage

CORPORA = {"news": "bbc", "books": "hp"}
AUC = "AUC forget against holdout"
_VERBATIM_TOKENS, _KNOWLEDGE_TOKENS = 128, 32
_FIRST_WORDS = 4


@dataclass(frozen=True)
class MuseQuestions:
    """One corpus of MUSE.

    Attributes
    ----------
    verbatim
        Beginnings of forget passages and how they go on.
    forget, retain
        Few-shot prompts on the forget and the retain text, with their answers.
    members, holdout
        Forget texts, and texts like them that were never trained on.
    """

    verbatim: Sequence[tuple[str, str]]
    forget: Sequence[tuple[str, str]]
    retain: Sequence[tuple[str, str]]
    members: Sequence[str]
    holdout: Sequence[str]

    @classmethod
    def load(cls, corpus: str, data: Path, limit: int | None = None) -> "MuseQuestions":
        """Load ``muse/bbc`` (news) or ``muse/hp`` (books), at most `limit` of each part.

        Raises
        ------
        DataError
            A file is missing or malformed, or there is no such corpus.
        """
        if corpus not in CORPORA:
            raise DataError(f"MUSE has the corpora {', '.join(CORPORA)}, not {corpus!r}")
        folder = data / "muse" / CORPORA[corpus]
        try:
            verbatim = [
                (row["prompt"], row["gt"]) for row in read_json_list(folder / "verbmem" / "forget.json")
            ]
            return cls(
                verbatim[:limit],
                _few_shot(folder, "forget")[:limit],
                _few_shot(folder, "retain2")[:limit],
                read_json_list(folder / "privleak" / "forget.json")[:limit],
                read_json_list(folder / "privleak" / "holdout.json")[:limit],
            )
        except (KeyError, TypeError) as error:
            raise DataError(f"{folder} is not in MUSE's form: {error}") from None


def evaluate_muse(model: LanguageModel, questions: MuseQuestions) -> Result:
    """VerbMem, KnowMem on both sides, and the AUC that PrivLeak is made from, all times 100 as the paper has them."""
    continuations = model.generate(
        [Generation(Prompt(prompt, chat=False), _VERBATIM_TOKENS) for prompt, _ in questions.verbatim]
    )
    forget, retain = (
        model.generate([Generation(Prompt(prompt, chat=False), _KNOWLEDGE_TOKENS) for prompt, _ in part])
        for part in (questions.forget, questions.retain)
    )
    members, holdout = (_membership(model, texts) for texts in (questions.members, questions.holdout))
    scores = {
        "VerbMem forget": 100
        * verbatim_memorization(continuations, [text for _, text in questions.verbatim]),
        "KnowMem forget": 100 * knowledge_memorization(forget, [answer for _, answer in questions.forget]),
        "KnowMem retain": 100 * knowledge_memorization(retain, [answer for _, answer in questions.retain]),
        AUC: area_under_roc(members, holdout),
    }
    return Result("muse", model.name, scores, {"members": members, "holdout": holdout}, continuations)


def compare_with_retain(result: Result, retain: Result) -> Result:
    """Add PrivLeak, relative to a model that never saw the forget text."""
    leakage = privacy_leakage(result.scores[AUC], retain.scores[AUC])
    return replace(result, scores={**result.scores, "PrivLeak": leakage})


def _membership(model: LanguageModel, texts: Sequence[str]) -> list[float]:
    """Min-40% of every text, all but its first words, which stand as the prompt.

    A text needs a beginning to be scored after; the reference code scores from the second token on.
    """
    tasks = []
    for text in texts:
        words = text.split(" ", _FIRST_WORDS)
        beginning = " ".join(words[:_FIRST_WORDS])
        tasks.append(Scoring(Prompt(beginning, chat=False), text[len(beginning) :]))
    return [min_k_score(scores) for scores in model.score(tasks)]


def _few_shot(folder: Path, part: str) -> list[tuple[str, str]]:
    examples = read_json_list(folder / "knowmem" / f"{part}_qa_icl.json")
    context = "".join(f"Question: {row['question']}\nAnswer: {row['answer']}\n\n" for row in examples)
    rows = read_json_list(folder / "knowmem" / f"{part}_qa.json")
    return [(f"{context}Question: {row['question']}\nAnswer:", row["answer"]) for row in rows]
