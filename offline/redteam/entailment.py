"""Whether one text entails another, by a sequence classifier of natural-language inference."""

from pathlib import Path

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from lethe.offline.language_models.interface import LanguageModelError
from lethe.offline.redteam.leaks import Entailment


def load_entailment(folder: Path) -> Entailment:
    """Load a model whose labels have one that is called entailment, as those trained on MNLI do.

    Raises
    ------
    LanguageModelError
        There is no such model in the folder.
    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder)
        model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    except (OSError, ValueError) as error:
        raise LanguageModelError(f"{folder} holds no model for entailment: {error}") from None
    labels = {label.lower(): number for number, label in model.config.id2label.items()}
    if "entailment" not in labels:
        raise LanguageModelError(f"{folder} tells {', '.join(labels)}; one label must be called entailment")
    wanted = labels["entailment"]

    def entails(premise: str, hypothesis: str) -> float:
        encoded = tokenizer(premise, hypothesis, truncation=True, return_tensors="pt")
        with torch.inference_mode():
            logits = model(**encoded).logits[0]  # (labels,)
        return float(logits.softmax(-1)[wanted])

    return entails
