"""The served model's tokenizer, loaded when a corruption first needs to know where a prompt's tokens lie."""

import asyncio
import logging
import threading
from collections.abc import Callable
from pathlib import Path

from lethe.corruption.positions import PromptTokenizer
from lethe.models.locate import ModelNotFound, hub_folder, named_folder

_LOGGER = logging.getLogger("lethe.placement")
_FILES = ("tokenizer.json", "tokenizer_config.json", "chat_template*")


class ServedTokenizer:
    """The tokenizer of one served model.

    Parameters
    ----------
    find
        Gives its folder or hub id, None where that is not known. Asked once, when it is first needed.

    Attributes
    ----------
    is_loaded
        Whether it is at hand, or known not to be had: then nothing is waited for.
    """

    def __init__(self, find: Callable[[], str | None]) -> None:
        self._find = find
        self._loading = threading.Lock()
        self._loader: asyncio.Task[PromptTokenizer | None] | None = None
        self._tokenizer: PromptTokenizer | None = None
        self.is_loaded = False

    async def loaded(self) -> PromptTokenizer | None:
        """See `get`; however many wait for it, one thread does, since others of the event loop's have other work."""
        if not self.is_loaded:
            if self._loader is None or self._loader.done():
                self._loader = asyncio.create_task(asyncio.to_thread(self.get))
            # Who gives up waiting leaves it to the others.
            await asyncio.shield(self._loader)
        return self._tokenizer

    def get(self) -> PromptTokenizer | None:
        """The tokenizer; None where it cannot be had, which is said once."""
        with self._loading:
            if not self.is_loaded:
                source = self._find()
                try:
                    self._tokenizer = PromptTokenizer.load(tokenizer_folder(source)) if source else None
                except (ModelNotFound, OSError, ValueError) as error:
                    _LOGGER.warning(
                        "no tokenizer, so whole prompts are corrupted; set engine.tokenizer to a folder, or HF_TOKEN "
                        "for a gated model: %s",
                        " ".join(str(error).split()),
                    )
                self.is_loaded = True
            return self._tokenizer


def tokenizer_folder(source: str) -> Path:
    """The folder of a tokenizer that is named by its folder or hub id, downloaded if need be.

    Raises
    ------
    ModelNotFound
        There is none.
    """
    return named_folder(source) or hub_folder(source, _FILES)
