"""The encoders in use, each loaded once: the shared one, and those that bundles bring along."""

import threading
from pathlib import Path

from lethe.classifier.encoders.encoder import Encoder
from lethe.classifier.encoders.files import DEFAULT_ENCODER, find_encoder
from lethe.classifier.encoders.loading import load_encoder
from lethe.classifier.settings import Precision

# Inside a bundle's ``classifier/``, the folder of an encoder fine-tuned for the target alone.
OWN_ENCODER = "encoder"


class EncoderRegistry:
    """Gives encoders by what they are; one that is asked for again is not loaded again.

    Parameters
    ----------
    name
        The encoder that targets share, as a name for `load_encoder`.
    precision, cache_folder
        Of every encoder, as `load_encoder` has them.
    """

    def __init__(
        self, name: str = DEFAULT_ENCODER, precision: Precision = "int8", cache_folder: Path | None = None
    ) -> None:
        self._name = name
        self._precision: Precision = precision
        self._cache_folder = cache_folder
        self._loaded: dict[str, Encoder] = {}
        self._loading = threading.Lock()

    @property
    def shared(self) -> Encoder:
        """The encoder that targets share.

        Raises
        ------
        ClassifierError
            It cannot be found, or is of a family that is not supported.
        """
        return self._load(self._name)

    def own(self, head_folder: Path) -> Encoder | None:
        """The encoder that lies beside a head, if one does.

        Raises
        ------
        ClassifierError
            A file of it is missing, or it is of a family that is not supported.
        """
        folder = head_folder / OWN_ENCODER
        return self._load(str(folder)) if (folder / "model.safetensors").is_file() else None

    def of_head(self, head_folder: Path) -> Encoder:
        """The encoder that a head stands on: its own, or else the shared one; raises as these do."""
        return self.own(head_folder) or self.shared

    def _load(self, name: str) -> Encoder:
        with self._loading:
            # A bundle's encoder is known by its content: a folder may hold another one after a reload.
            identity = name if name == self._name else find_encoder(name).sha256
            if identity not in self._loaded:
                self._loaded[identity] = load_encoder(
                    name, precision=self._precision, cache_folder=self._cache_folder
                )
            return self._loaded[identity]
