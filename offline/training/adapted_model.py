"""A model in this process with a low-rank adapter in force."""

from pathlib import Path

from lethe.offline.language_models.local import LocalModel
from lethe.offline.training.low_rank import adapt
from lethe.offline.training.peft_folder import LowRankAdapter


def open_adapted(
    model: Path | str,
    adapter: LowRankAdapter,
    name: str,
    bits: int | None = None,
    chat_template: Path | None = None,
    dtype: str = "bfloat16",
) -> LocalModel:
    """Load a model with an adapter in force, to score and to generate.

    Parameters
    ----------
    bits
        To which the model's weights are rounded; the adapter's are kept, as engines keep them.
    chat_template, dtype
        See `LocalModel.from_pretrained`.

    Raises
    ------
    LanguageModelError
        The model cannot be loaded.
    AdapterError
        The adapter was made for other layers.
    """
    opened = LocalModel.from_pretrained(
        str(model), name=name, dtype=dtype, bits=bits, chat_template=chat_template
    )
    adapt(opened.model, adapter)
    return opened
