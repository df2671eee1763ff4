"""TOFU's question files, from a folder or from the hub."""

from pathlib import Path
from typing import Annotated

import pydantic

from lethe.offline.data.files import DataError, read_objects
from lethe.offline.data.questions import ForgetQuestion

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
    return tuple(line.asked for line in read_objects(_locate(f"{file}.json", data), _TofuLine))


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


def _several(value: object) -> object:
    return [value] if isinstance(value, str) else value or ()


class _TofuLine(pydantic.BaseModel):
    question: str = pydantic.Field(min_length=1)
    answer: str = pydantic.Field(min_length=1)
    paraphrased_question: str | None = None
    paraphrased_answer: str | None = None
    perturbed_answer: Annotated[tuple[str, ...], pydantic.BeforeValidator(_several)] = ()

    @property
    def asked(self) -> ForgetQuestion:
        return ForgetQuestion(
            question=self.question,
            answer=self.answer,
            paraphrased_question=self.paraphrased_question,
            paraphrased_answer=self.paraphrased_answer,
            wrong_answers=self.perturbed_answer,
        )
