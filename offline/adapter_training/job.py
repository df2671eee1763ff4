"""The job behind `lethe adapter train`: from files and a model's name to a bank and a bundle, with progress."""

from collections.abc import Mapping
from pathlib import Path

import torch
from accelerate import PartialState

from lethe.bundle import BaseModel, Bundle, load_bundle, read_base_model
from lethe.bundle.manifest import MANIFEST_NAME
from lethe.corruption.artifact import Corruption, load_corruption
from lethe.models.locate import hub_folder, local_folder
from lethe.offline.adapter_training.bank import load_bank
from lethe.offline.adapter_training.forgetting import FORGETTING_LOSSES
from lethe.offline.adapter_training.phase import Step
from lethe.offline.adapter_training.plots import plot_entropies, plot_losses
from lethe.offline.adapter_training.recording import record_adapter
from lethe.offline.adapter_training.settings import AdapterJob, Dtype
from lethe.offline.adapter_training.texts import read_texts
from lethe.offline.adapter_training.token_page import write_token_page
from lethe.offline.adapter_training.train import BankTraining, TrainedBank, check_training, train_bank
from lethe.offline.data.json_lines import read_whole_lines
from lethe.offline.language_models.encoding import PromptEncoder
from lethe.offline.progress import Progress
from lethe.offline.training.errors import AdapterError

_WEIGHTS = ("*.json", "*.jinja", "*.model", "*.safetensors")


def run_adapter_job(job: AdapterJob, cache: Path, progress: Progress) -> Bundle:
    """Train what is missing, and put the mixture of the job's experts, each of weight one, into the bundle.

    All that can be wrong with the input is found before training starts.

    Raises
    ------
    AdapterError, ModelNotFound, BundleError, CorruptionError
        As their messages say.
    """
    forget = {name: read_texts(path) for name, path in subdomains(job).items()}
    retain = read_texts(job.retain)
    base = _model_folder(job.model, cache)
    base_model = read_base_model(base, job.model)
    recalls = FORGETTING_LOSSES[job.forgetting].recalls
    earlier = _model_folder(job.earlier_model, cache) if job.earlier_model and recalls else None
    training = BankTraining(base, base_model, forget, retain, job, _corruption(job, base_model), earlier)
    check_training(training)

    def on_step(step: Step) -> None:
        loss = sum(step.terms.values())
        progress.advance(step.step, step.steps, f"epoch {step.epoch}, loss {loss:.3f}")

    progress.say(f"record in {job.trace}")
    progress.expect(2 + len(forget))
    return _record(job, training, train_bank(training, progress.begin, on_step))


def compose_into_bundle(bank_file: Path, weights: Mapping[str, float], bundle: Path, dtype: Dtype) -> Bundle:
    """Write a mixture of a bank's experts into a bundle.

    A mixture of several is to be used where exactly the targets of their names are asked for at once.

    Raises
    ------
    AdapterError, BundleError, CorruptionError
        As their messages say.
    """
    bank = load_bank(bank_file)
    figures = {"rank": bank.rank, "experts": dict(weights)}
    composes = tuple(weights) if len(weights) > 1 else ()
    adapter = bank.compose(weights)
    return record_adapter(adapter, bundle, bank.base_model, figures, None, composes, getattr(torch, dtype))


def _record(job: AdapterJob, training: BankTraining, trained: TrainedBank) -> Bundle:
    """Draw the pictures and write the bundle, in the main process; the others read it."""
    state = PartialState()
    if state.is_main_process:
        losses, entropies = job.work / "adapter-losses.png", job.work / "adapter-entropies.png"
        plot_losses(job.trace, ("shared", *training.forget), losses)
        plot_entropies(trained, entropies)
        tokenizer = PromptEncoder.from_pretrained(str(training.base)).tokenizer
        write_token_page(trained, tokenizer, job.work / "adapter-tokens.html")
        record_adapter(
            trained.bank.compose(dict.fromkeys(training.forget, 1.0)),
            job.bundle,
            training.base_model,
            _figures(job, training, trained),
            {path.name: path for path in (losses, entropies)},
            dtype=getattr(torch, job.dtype),
        )
    state.wait_for_everyone()
    return load_bundle(job.bundle)


def _model_folder(model: str, cache: Path) -> Path:
    return local_folder(model, cache) or hub_folder(model, _WEIGHTS)


def _corruption(job: AdapterJob, base_model: BaseModel) -> Corruption | None:
    """What the target's bundle holds for the base model; none where there is no bundle yet."""
    if not (job.bundle / MANIFEST_NAME).is_file():
        return None
    for each in load_bundle(job.bundle).models:
        if each.corruption and each.base_model.embedding_sha256 == base_model.embedding_sha256:
            return load_corruption(each.corruption)
    return None


def _figures(job: AdapterJob, training: BankTraining, trained: TrainedBank) -> dict[str, object]:
    """What the training was and came to; the last step of every phase stands for its end."""
    last = {line["phase"]: line for line in read_whole_lines(job.trace) if "phase" in line}
    return {
        "model": training.base_model.id,
        "rank": job.rank,
        "layers": len(trained.bank.shared),
        "forgetting": job.forgetting,
        "threshold of entropy": trained.retain[0].threshold,
        "texts": {
            **{name: len(texts) for name, texts in training.forget.items()},
            "retain": len(training.retain),
        },
        "last step": {name: last[name]["terms"] for name in training.forget if name in last},
    }


def subdomains(job: AdapterJob) -> dict[str, Path]:
    """The files to forget by subdomain: one without a name is named after the target, several after their files.

    Raises
    ------
    AdapterError
        Two have one name.
    """
    named: dict[str, Path] = {}
    for item in job.forget:
        name, given, path = item.partition("=")
        if not given:
            name, path = (job.target if len(job.forget) == 1 else Path(item).stem), item
        if name in named:
            raise AdapterError(f"two subdomains are named {name}; name them apart, as NAME=PATH")
        named[name] = Path(path)
    return named
