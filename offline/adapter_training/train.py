"""Trains a bank: entropies, then the shared A, then an expert for every subdomain that the bank does not hold yet.

Every finished step of this is kept in the work folder, so that training that was stopped goes on, and a subdomain that
comes later costs its own expert and nothing else.
"""

import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from accelerate import Accelerator
from accelerate.utils import gather_object
from numpy.typing import NDArray
from transformers import AutoConfig

from lethe.bundle import BaseModel
from lethe.bundle.files import sha256_of
from lethe.corruption.artifact import Corruption
from lethe.offline.adapter_training.bank import AdapterBank, load_bank, save_bank
from lethe.offline.adapter_training.entropy import (
    MarkedText,
    entropy_file,
    entropy_threshold,
    measure_entropies,
    read_entropies,
    weights_fingerprint,
    write_entropies,
)
from lethe.offline.adapter_training.forgetting import FORGETTING_LOSSES
from lethe.offline.adapter_training.phase import Phase, Step, open_base, run_phase, spread
from lethe.offline.adapter_training.settings import AdapterTrainingSettings
from lethe.offline.adapter_training.texts import (
    SourceText,
    TrainingText,
    refuse_shared_texts,
    tokenize_texts,
)
from lethe.offline.data.json_lines import append_lines
from lethe.offline.language_models.batching import length_batches
from lethe.offline.language_models.encoding import PromptEncoder
from lethe.offline.training.errors import AdapterError

# Padded tokens of one pass over the texts: each has a distribution over the vocabulary, in float32.
_MEASURED_TOKENS = 4096
_SUBDOMAIN_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


@dataclass(frozen=True)
class BankTraining:
    """What a training needs, read.

    Attributes
    ----------
    base
        Folder of the base model.
    base_model
        Its identity.
    forget
        By subdomain; their experts are added to the bank's.
    corruption
        Of the base model's questions, for the loss that learns from one.
    earlier
        Folder of the base model as it was before it learned what is to be forgotten, for the loss that learns from that.
    """

    base: Path
    base_model: BaseModel
    forget: Mapping[str, Sequence[SourceText]]
    retain: Sequence[SourceText]
    settings: AdapterTrainingSettings
    corruption: Corruption | None = None
    earlier: Path | None = None

    @property
    def taught_by(self) -> Corruption | None:
        """The corruption, where the loss learns from it."""
        return self.corruption if FORGETTING_LOSSES[self.settings.forgetting].corrupts else None

    @property
    def recalled(self) -> Path | None:
        """The earlier model, where the loss learns from it."""
        return self.earlier if FORGETTING_LOSSES[self.settings.forgetting].recalls else None


@dataclass(frozen=True)
class TrainedBank:
    """The outcome, with the texts as they were marked."""

    bank: AdapterBank
    forget: Mapping[str, Sequence[MarkedText]]
    retain: Sequence[MarkedText]


def check_training(training: BankTraining) -> None:
    """Find what is wrong with the input before anything is loaded.

    Raises
    ------
    AdapterError
        A side is empty, the sides overlap, a name cannot be one, the earlier model has another vocabulary, or the bank
        belongs to another model or already holds an expert of that name that was trained otherwise.
    """
    if not training.forget or not all(training.forget.values()):
        raise AdapterError("there is nothing to forget: give at least one text for every subdomain")
    if not training.retain:
        raise AdapterError(
            "there is nothing to retain: without retain texts, what is forgotten takes the rest along"
        )
    loss = FORGETTING_LOSSES[training.settings.forgetting]
    if loss.corrupts and training.corruption is None:
        raise AdapterError(
            f"the loss {training.settings.forgetting} learns from a corruption, and the target's bundle has none for this "
            "model; learn one with `lethe corruption learn`"
        )
    if loss.recalls and training.earlier is None:
        raise AdapterError(
            f"the loss {training.settings.forgetting} learns from the model as it was; name it with --earlier-model"
        )
    if training.recalled and _vocabulary(training.recalled) != _vocabulary(training.base):
        raise AdapterError(f"{training.recalled} has another vocabulary than the base model")
    for name, texts in training.forget.items():
        if not _SUBDOMAIN_NAME.fullmatch(name):
            raise AdapterError(
                f"subdomain {name!r}: a name has lower case letters, digits and dashes, at most 63"
            )
        if (loss.replaces or loss.corrupts) and any(t.question is None for t in texts):
            raise AdapterError(
                f"{name} has bare texts; the loss {training.settings.forgetting} needs questions"
            )
    refuse_shared_texts(training.forget, training.retain)
    file = training.settings.bank_file
    if not file.is_file():
        return
    bank = load_bank(file)
    if bank.base_model.embedding_sha256 != training.base_model.embedding_sha256:
        raise AdapterError(
            f"{file} was trained for {bank.base_model.id}, and {training.base_model.id} has other "
            "embeddings; name another bank"
        )
    if bank.rank != training.settings.rank:
        raise AdapterError(f"{file} has rank {bank.rank}, the settings say {training.settings.rank}")
    for name in training.forget.keys() & bank.experts.keys():
        if bank.provenance[name] != _digest(training, name):
            raise AdapterError(
                f"{file} already holds an expert {name} that was trained on other texts or with other "
                "settings; name the subdomain or the bank otherwise"
            )


def train_bank(
    training: BankTraining,
    say: Callable[[str], None] = lambda _line: None,
    on_step: Callable[[Step], None] = lambda _step: None,
) -> TrainedBank:
    """Train what the bank lacks.

    Parameters
    ----------
    say
        Told of every stage as it begins, in the main process: the entropies, phase I, phase II of every subdomain.
    on_step
        Told of every step, in the main process.

    Raises
    ------
    AdapterError
        As `check_training` and `phase.run_phase` say.
    """
    check_training(training)
    settings, file = training.settings, training.settings.bank_file
    accelerator = Accelerator()
    if not accelerator.is_main_process:
        say, on_step = (lambda _line: None), (lambda _step: None)
    if settings.batch_size < accelerator.num_processes:
        raise AdapterError(
            f"a batch of {settings.batch_size} texts cannot be shared by {accelerator.num_processes} processes"
        )
    encoder = PromptEncoder.from_pretrained(str(training.base))
    forget = {
        name: tokenize_texts(texts, encoder, settings.max_tokens) for name, texts in training.forget.items()
    }
    retain = tokenize_texts(training.retain, encoder, settings.max_tokens)
    marked, marked_retain = _mark(training, forget, retain, accelerator, say)
    loss = FORGETTING_LOSSES[settings.forgetting]
    if not (loss.replaces or loss.corrupts or loss.recalls):
        _refuse_nothing_low(marked, settings)

    started = time.monotonic()

    def record(step: Step) -> None:
        append_lines(settings.trace, [{**asdict(step), "seconds": round(time.monotonic() - started, 2)}])
        on_step(step)

    if accelerator.is_main_process:
        append_lines(
            settings.trace,
            [{"settings": settings.model_dump(mode="json"), "base_model": asdict(training.base_model)}],
        )

    say("phase I: the shared A")
    if file.is_file():
        bank = load_bank(file)
    else:
        everything = [text for texts in marked.values() for text in texts]
        state_digest = _state_digest(training, marked_retain, *training.forget)
        phase = Phase("shared", None, everything, marked_retain, (), state_digest)
        state = settings.work / "shared.state.safetensors"
        shared = run_phase(training.base, phase, settings, accelerator, state, record)
        bank = AdapterBank(training.base_model, shared)
        _keep(bank, file, state, accelerator)
    for name in forget:
        say(f"phase II: {name}")
        if name in bank.experts:
            continue
        replaced: Sequence[TrainingText] = ()
        if loss.replaces:
            taught = [replace(text, answer=settings.replacement) for text in training.forget[name]]
            replaced = tokenize_texts(taught, encoder, settings.max_tokens)
        state_digest = _state_digest(training, marked_retain, name)
        phase = Phase(
            name,
            bank.shared,
            marked[name],
            marked_retain,
            replaced,
            state_digest,
            training.taught_by,
            training.recalled,
        )
        state = settings.work / f"{name}.state.safetensors"
        expert = run_phase(training.base, phase, settings, accelerator, state, record)
        bank = bank.with_expert(name, expert, _digest(training, name))
        _keep(bank, file, state, accelerator)
    return TrainedBank(bank, marked, marked_retain)


def _vocabulary(folder: Path) -> int:
    """How many tokens a model knows.

    Raises
    ------
    AdapterError
        Its configuration cannot be read.
    """
    try:
        return AutoConfig.from_pretrained(folder).get_text_config().vocab_size
    except (OSError, ValueError) as error:
        raise AdapterError(f"{folder} has no configuration of a language model: {error}") from None


def _mark(
    training: BankTraining,
    forget: Mapping[str, Sequence[TrainingText]],
    retain: Sequence[TrainingText],
    accelerator: Accelerator,
    say: Callable[[str], None],
) -> tuple[dict[str, list[MarkedText]], list[MarkedText]]:
    """Every text with its entropies and the one threshold."""
    settings = training.settings
    texts = [*(text for part in forget.values() for text in part), *retain]
    fingerprint = weights_fingerprint(training.base)
    path = entropy_file(settings.work, texts, fingerprint, settings.dtype, settings.tsallis_q)
    entropies = read_entropies(path, texts)
    # Whoever came late would find the file of whoever was early, and not take part in measuring.
    accelerator.wait_for_everyone()
    say(f"entropies of {len(texts)} texts under the base model")
    if entropies is None:
        entropies = _measure(training.base, settings, texts, accelerator)
        if accelerator.is_main_process:
            write_entropies(path, entropies)
    threshold = entropy_threshold(texts, entropies, settings.entropy_quantile)
    everything = iter(
        [MarkedText(text, entropy, threshold) for text, entropy in zip(texts, entropies, strict=True)]
    )
    marked = {name: [next(everything) for _ in part] for name, part in forget.items()}
    return marked, list(everything)


def _refuse_nothing_low(
    marked: Mapping[str, Sequence[MarkedText]], settings: AdapterTrainingSettings
) -> None:
    """Refuse a subdomain whose expert would have nothing to forget."""
    for name, texts in marked.items():
        if not any(text.low_answer.any() for text in texts):
            raise AdapterError(
                f"no answer token of {name} is low in entropy, so there is nothing to forget; raise the entropy quantile, "
                f"which is {settings.entropy_quantile:g}, or choose another forgetting loss"
            )


def _measure(
    base: Path, settings: AdapterTrainingSettings, texts: Sequence[TrainingText], accelerator: Accelerator
) -> list[NDArray[np.float32]]:
    """Entropies of all texts, each process measuring a part."""
    model, switch = open_base(base, settings)
    model, _ = spread(model, accelerator)
    lengths = [len(text.token_ids) for text in texts]
    batches = list(length_batches(lengths, _MEASURED_TOKENS))
    # A model that is spread over the processes needs all of them in every pass.
    # The accelerator's untyped properties are taken for ones that never return.
    processes = cast(Any, accelerator)
    batches += batches[:1] * (-len(batches) % processes.num_processes)
    mine = batches[processes.process_index :: processes.num_processes]
    found: dict[int, NDArray[np.float32]] = {}
    with switch.off():
        for batch in mine:
            chosen = [texts[i] for i in batch]
            found |= dict(
                zip(
                    batch,
                    measure_entropies(model, chosen, settings.tsallis_q, accelerator.device),
                    strict=True,
                )
            )
    for part in gather_object([found]):
        found |= part
    accelerator.free_memory()
    return [found[i] for i in range(len(texts))]


def _keep(bank: AdapterBank, path: Path, state: Path, accelerator: Accelerator) -> None:
    """Put the bank into its file, after which the state that led to it is of no use."""
    if accelerator.is_main_process:
        save_bank(bank, path)
        state.unlink(missing_ok=True)
    accelerator.wait_for_everyone()


def _digest(training: BankTraining, *subdomains: str) -> str:
    """Stands for the settings, the retain texts and the forget texts of some subdomains."""
    texts = [[asdict(text) for text in training.forget[name]] for name in subdomains]
    kept = [asdict(text) for text in training.retain]
    corruption = [asdict(training.taught_by)] if training.taught_by else []
    weights = sorted(training.recalled.glob("*.safetensors")) if training.recalled else []
    earlier = [sha256_of(path) for path in weights]
    key = json.dumps([training.settings.digest, texts, kept, *corruption, *earlier])
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def _state_digest(training: BankTraining, marked: Sequence[MarkedText], *subdomains: str) -> str:
    """What a phase's state belongs to: also the entropy threshold, in which all subdomains of a training have a part."""
    return f"{_digest(training, *subdomains)}-{marked[0].threshold!r}"
