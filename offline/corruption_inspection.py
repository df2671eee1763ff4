"""What a corruption does to one prompt: which tokens it touches, and what the model then expects next."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lethe.corruption.artifact import Corruption
from lethe.corruption.positions import PromptTokenizer
from lethe.corruption.request import CorruptionRequest, PlacedCorruption
from lethe.corruption.transformers_hook import corrupted_embeddings


@dataclass(frozen=True)
class NextToken:
    """A token that may come next, with its probability under the clean and under the corrupted prompt."""

    text: str
    clean: float
    corrupted: float


@dataclass(frozen=True)
class Inspection:
    """A corruption's effect on one prompt.

    Attributes
    ----------
    tokens
        Text of the prompt's tokens.
    touched
        Which of them are corrupted, shape (T,).
    shift
        Length of each embedding's change, as a share of the embedding's own length, shape (T,).
    divergence
        KL divergence, in nats, of the next-token distribution at each position from the clean prompt's to the
        corrupted one's, shape (T,). The last is that of the answer's first token.
    next_tokens
        The likeliest next tokens of either prompt, by the larger probability.
    """

    tokens: tuple[str, ...]
    touched: NDArray[np.bool_]
    shift: NDArray[np.float64]
    divergence: NDArray[np.float64]
    next_tokens: tuple[NextToken, ...]


def inspect_corruption(
    model_folder: Path, corruption: Corruption, prompt: str, *, plain: bool = False, top: int = 8
) -> Inspection:
    """Run the model on a prompt twice, clean and corrupted.

    Parameters
    ----------
    model_folder
        A transformers model folder with ``tokenizer.json``.
    corruption
        What to apply, at the positions that it names.
    prompt
        The question; put into the model's chat template unless ``plain``.
    top
        How many likely tokens of each distribution to list.
    """
    from transformers import AutoModelForCausalLM

    tokenizer = PromptTokenizer.load(model_folder)
    tokenized = tokenizer.text(prompt) if plain else tokenizer.chat([{"role": "user", "content": prompt}])
    placed = PlacedCorruption("", "", corruption, tokenized.ranges(corruption.positions))
    model = AutoModelForCausalLM.from_pretrained(model_folder, dtype=torch.float32).eval()
    ids = torch.tensor(tokenized.token_ids)
    with torch.inference_mode():
        clean = model.get_input_embeddings()(ids)
        corrupted = corrupted_embeddings(model, ids, CorruptionRequest((placed,)))
        clean_logprobs, corrupted_logprobs = (_logprobs(model, rows) for rows in (clean, corrupted))
    shift = ((corrupted - clean).norm(dim=1) / clean.norm(dim=1)).double().numpy()
    divergence = (clean_logprobs.exp() * (clean_logprobs - corrupted_logprobs)).sum(dim=1)
    last = torch.stack([clean_logprobs[-1], corrupted_logprobs[-1]]).exp()  # (2, vocabulary)
    likely = last.topk(top, dim=1).indices.flatten().unique()
    order = likely[last[:, likely].amax(dim=0).argsort(descending=True)].tolist()
    return Inspection(
        tokens=tuple(tokenizer.decode([token]) for token in tokenized.token_ids),
        touched=(corrupted != clean).any(dim=1).numpy(),
        shift=shift,
        divergence=divergence.clamp(min=0).double().numpy(),
        next_tokens=tuple(
            NextToken(tokenizer.decode([token]), last[0, token].item(), last[1, token].item())
            for token in order
        ),
    )


def plot_inspection(inspection: Inspection, path: Path) -> None:
    """Draw an inspection as a heat map: the prompt's tokens above, the next token's candidates below."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    tokens, candidates = len(inspection.tokens), len(inspection.next_tokens)
    width = max(tokens, candidates)
    figure, (above, below) = pyplot.subplots(
        2, 1, figsize=(2.2 + 0.42 * width, 5.2), height_ratios=(1, 1), layout="constrained"
    )
    _heat_map(
        above,
        np.stack([_share(inspection.shift), _share(inspection.divergence)]),
        [
            f"embedding shift\n(at most {inspection.shift.max():.2g})",
            f"KL, nats\n(at most {inspection.divergence.max():.2g})",
        ],
        inspection.tokens,
    )
    above.set_title("Prompt: where it is touched, and how far each position's prediction moves", fontsize=10)
    for label, touched in zip(above.get_xticklabels(), inspection.touched, strict=True):
        label.set_fontweight("bold" if touched else "normal")
    probabilities = np.array([[token.clean, token.corrupted] for token in inspection.next_tokens]).T
    _heat_map(below, probabilities, ["clean", "corrupted"], [token.text for token in inspection.next_tokens])
    for row, column in np.ndindex(probabilities.shape):
        value = probabilities[row, column]
        below.text(
            column,
            row,
            f"{value:.0%}",
            ha="center",
            va="center",
            fontsize=7,
            color="w" if value < 0.5 else "k",
        )
    below.set_title("Next token: probability", fontsize=10)
    figure.savefig(path, dpi=150)
    pyplot.close(figure)


def _logprobs(model: Any, embeddings: torch.Tensor) -> torch.Tensor:
    return model(inputs_embeds=embeddings[None]).logits[0].double().log_softmax(dim=1)


def _share(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values / max(values.max(), 1e-12)


def _heat_map(axes: Any, values: NDArray[np.float64], rows: list[str], columns: Any) -> None:
    axes.imshow(values, vmin=0, vmax=1, cmap="viridis", aspect="auto")
    axes.set_yticks(range(len(rows)), rows, fontsize=8)
    axes.set_xticks(
        range(len(columns)), [_visible(text) for text in columns], rotation=60, ha="right", fontsize=8
    )


def _visible(text: str) -> str:
    # matplotlib takes dollar signs for formulas.
    return repr(text)[1:-1].replace(" ", "·").replace("$", r"\$") or "''"
