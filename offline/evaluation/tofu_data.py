"""TOFU's question files, from a folder or from the hub."""

import json
from pathlib import Path

from lethe.offline.data.questions import ForgetQuestion
from lethe.offline.evaluation.data import DataError, read_json_lines

HUB_ID = "locuslab/TOFU"
FORGET_SETS = ("forget01", "forget05", "forget10")


def load_tofu(name: str, data: Path | None) -> tuple[ForgetQuestion, ...]:
    """Load one set of questions with what is needed to score it.

    Parameters
    ----------
    name
        ``forget01``, ``forget05``, ``forget10``, ``retain``, ``real_authors`` or ``world_facts``: these are the sets
        with paraphrased and wrong answers. Or any file of the data set, such as ``retain95``, without them.
    data
        Folder of benchmark data with a ``tofu`` folder in it; None takes the file from the hub.

    Raises
    ------
    DataError
        The file cannot be found or read.
    """
    file = f"{name}_perturbed" if name in (*FORGET_SETS, "retain", "real_authors", "world_facts") else name
    rows = read_json_lines(_locate(f"{file}.json", data))
    return tuple(_question(row) for row in rows)


def _locate(file: str, data: Path | None) -> Path:
    if data is not None:
        path = data / "tofu" / file
        if not path.is_file():
            raise DataError(f"{path} is missing; get it from the data set {HUB_ID}")
        return path
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError

    try:
        return Path(hf_hub_download(HUB_ID, file, repo_type="dataset"))
    except (OSError, HfHubHTTPError) as error:
        raise DataError(
            f"{file} of {HUB_ID} cannot be downloaded ({error}); name a folder with --data or LETHE_DATA_DIR"
        ) from None


def _question(row: dict[str, object]) -> ForgetQuestion:
    try:
        wrong = row.get("perturbed_answer") or []
        return ForgetQuestion.model_validate(
            {
                "question": row["question"],
                "answer": row["answer"],
                "paraphrased_answer": row.get("paraphrased_answer"),
                "wrong_answers": [wrong] if isinstance(wrong, str) else wrong,
            }
        )
    except (KeyError, ValueError) as error:
        raise DataError(f"not a TOFU question: {json.dumps(row)[:200]}: {error}") from None
