"""Fine-tuning the sentence encoder for one target, where the shared one does not tell it apart well enough.

As the papers train their classifiers, all layers learn from the labels (Liu et al., "Large Language Model Unlearning via
Embedding-Corrupted Prompts", arXiv 2406.07933, section 3.1). What comes out is a sentence encoder like any other: the head is
fitted on it, it is run by the same graph, and the bundle carries it.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lethe.bundle.files import replace_file
from lethe.classifier.encoders.files import EncoderFiles, find_encoder
from lethe.classifier.encoders.loading import load_encoder
from lethe.offline.classifier_training.cores import OnDone, tell_nobody
from lethe.offline.classifier_training.errors import TrainingError
from lethe.offline.training.batching import padded

_BATCH = 32
# Tokens. Windows can be longer, but what is cut off seldom matters: text to keep is to be kept in every part, and of a window
# that is to be forgotten the prompt fills two fifths at least. No window of TOFU's and WMDP's questions to forget is cut, and
# 4 % of those to keep are; to cut none would take half as long again.
_LENGTH = 96
_ENCODER_RATE = 5e-5
_HEAD_RATE = 1e-2
_HEAD_SCALE = 10.0
_WARM_UP_SHARE = 0.1
# Batches are drawn from stretches of this many, sorted by length, so that little is padded.
_BATCHES_SORTED_TOGETHER = 8
_LEAST_AGREEMENT = 0.95
_CHECKPOINT = "checkpoint.pt"


@dataclass(frozen=True)
class LabelledTexts:
    """Texts and whether each asks for the target."""

    texts: Sequence[str]
    labels: Sequence[int]


@dataclass(frozen=True)
class Agreement:
    """Cosines of the embeddings of an encoder's two precisions."""

    mean: float
    least: float


def fine_tune_encoder(
    base: str,
    examples: LabelledTexts,
    epochs: int,
    seed: int,
    work_folder: Path,
    on_batch: OnDone = tell_nobody,
) -> Path:
    """Train an encoder to tell the target from the rest, and give its folder.

    Word and position embeddings stay as they are, so words that the examples lack keep their meaning. Weights
    are kept in half precision. A run on the same examples finds the folder of the one before, and goes on after
    the last whole epoch of one that was interrupted.

    Parameters
    ----------
    base
        The encoder to begin with, as a name for `find_encoder`.
    epochs
        How often every example is seen.

    Raises
    ------
    ClassifierError
        The encoder to begin with is not found.
    TrainingError
        It is of a family that cannot be fine-tuned.
    """
    files = find_encoder(base)
    if files.family != "bert":
        raise TrainingError(f"encoder {base} cannot be fine-tuned; give one of the BERT family, or 0 epochs")
    recipe = json.dumps([files.sha256, epochs, seed, list(examples.texts), list(map(int, examples.labels))])
    folder = work_folder / "encoders" / hashlib.sha256(recipe.encode(errors="surrogatepass")).hexdigest()[:16]
    if not folder.is_dir():
        partial = folder.with_suffix(".partial")
        partial.mkdir(parents=True, exist_ok=True)
        _train(files, examples, epochs, seed, partial, on_batch)
        (partial / _CHECKPOINT).unlink()
        partial.rename(folder)
    return folder


def _train(
    files: EncoderFiles, examples: LabelledTexts, epochs: int, seed: int, folder: Path, on_batch: OnDone
) -> None:
    import torch
    from tokenizers import Tokenizer
    from transformers import AutoModel

    torch.manual_seed(seed)
    model = AutoModel.from_pretrained(files.folder, dtype=torch.float32, add_pooling_layer=False)
    model.train()
    model.embeddings.requires_grad_(False)
    head = torch.nn.Linear(model.config.hidden_size, 1)
    torch.nn.init.zeros_(head.weight)
    tokenizer = Tokenizer.from_file(str(files.folder / "tokenizer.json"))
    tokenizer.enable_truncation(_LENGTH)
    tokenizer.no_padding()
    ids = [encoding.ids for encoding in tokenizer.encode_batch(list(examples.texts))]
    labels = torch.tensor(examples.labels, dtype=torch.float32)
    # Both classes count the same, however many examples each has.
    weight = (1 - labels.mean()) / labels.mean()
    loss_of = torch.nn.BCEWithLogitsLoss(pos_weight=weight)
    optimizer = torch.optim.AdamW(
        [
            {"params": [p for p in model.parameters() if p.requires_grad], "lr": _ENCODER_RATE},
            {"params": head.parameters(), "lr": _HEAD_RATE},
        ]
    )
    by_epoch = [list(_batches(ids, seed + epoch)) for epoch in range(epochs)]
    steps = sum(map(len, by_epoch))
    warm_up = max(1, int(_WARM_UP_SHARE * steps))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: min((step + 1) / warm_up, (steps - step) / (steps - warm_up + 1)),
    )
    resumable = {"model": model, "head": head, "optimizer": optimizer, "schedule": schedule}
    checkpoint = folder / _CHECKPOINT
    done = 0
    if checkpoint.is_file():
        saved = torch.load(checkpoint, weights_only=True)
        done = saved["epochs"]
        torch.set_rng_state(saved["random"])
        for name, part in resumable.items():
            part.load_state_dict(saved[name])

    def learn(batch: list[int]) -> None:
        tokens, mask = padded([ids[index] for index in batch])
        hidden = model(input_ids=tokens, attention_mask=mask).last_hidden_state  # (batch, length, dimension)
        if files.pools_first_token:
            pooled = hidden[:, 0]
        else:
            pooled = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        logits = head(_HEAD_SCALE * torch.nn.functional.normalize(pooled, dim=-1))[:, 0]
        loss = loss_of(logits, labels[batch])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()

    learned = sum(map(len, by_epoch[:done]))
    for epoch, batches in list(enumerate(by_epoch, start=1))[done:]:
        for batch in batches:
            learn(batch)
            learned += 1
            on_batch(learned, steps)
        states = {name: part.state_dict() for name, part in resumable.items()}
        state = {**states, "epochs": epoch, "random": torch.get_rng_state()}
        replace_file(checkpoint, lambda temporary, state=state: torch.save(state, temporary))
    model.half().save_pretrained(folder)
    for name in ("tokenizer.json", "1_Pooling/config.json"):
        if (files.folder / name).is_file():
            (folder / name).parent.mkdir(exist_ok=True)
            shutil.copyfile(files.folder / name, folder / name)


def _batches(ids: Sequence[Sequence[int]], seed: int) -> Iterator[list[int]]:
    order = np.random.default_rng(seed).permutation(len(ids))
    stretch = _BATCH * _BATCHES_SORTED_TOGETHER
    for start in range(0, len(order), stretch):
        alike = sorted(order[start : start + stretch].tolist(), key=lambda index: len(ids[index]))
        for first in range(0, len(alike), _BATCH):
            yield alike[first : first + _BATCH]


def check_agreement(folder: Path, texts: Sequence[str]) -> Agreement:
    """Compare an encoder's int8 and float32 embeddings.

    Raises
    ------
    TrainingError
        They differ so much that a head fitted on one would be of no use on the other.
    """
    exact, fast = (
        load_encoder(str(folder), precision=precision).embed(texts) for precision in ("float32", "int8")
    )
    cosines = np.sum(exact * fast, axis=1)
    if cosines.mean() < _LEAST_AGREEMENT:
        raise TrainingError(
            f"int8 and float32 embeddings of the fine-tuned encoder agree to {cosines.mean():.3f} only, "
            f"not to {_LEAST_AGREEMENT}; train fewer epochs"
        )
    return Agreement(round(float(cosines.mean()), 5), round(float(cosines.min()), 5))
