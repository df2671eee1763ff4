"""A vLLM server with Lethe's plugin, over HTTP.

Every request carries its own corruption, so that all tasks of a call, whatever their corruptions, run in one
continuous batch. Prompts go as token ids: tokenization is ours, and the same as a local model's.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lethe.corruption.artifact import Corruption
from lethe.corruption.positions import TokenizedPrompt
from lethe.offline.language_models.encoding import PromptEncoder, corruption_request
from lethe.offline.language_models.http import is_lethe, post_all, served_models
from lethe.offline.language_models.interface import (
    Choice,
    Examination,
    Generation,
    LanguageModelError,
    Prompt,
    Scoring,
)

_TOP_TOKENS = 20
_NOTICEABLE = 0.5


class EngineModel:
    """Scores and generates with a running engine.

    Parameters
    ----------
    url
        Where it listens, without ``/v1``.
    served_name
        The model's name there.
    encoder
        Of the same model.
    concurrency
        Requests in flight; the engine batches them as it can.
    """

    def __init__(
        self,
        url: str,
        served_name: str,
        encoder: PromptEncoder,
        api_key: str | None = None,
        loaded_from: str | None = None,
        concurrency: int = 256,
    ) -> None:
        self.url = url.rstrip("/")
        self.served_name = served_name
        self.encoder = encoder
        self.loaded_from = loaded_from or served_name
        self.concurrency = concurrency
        self._api_key = api_key

    @classmethod
    def connect(
        cls,
        url: str,
        *,
        served_name: str | None = None,
        tokenizer: str | None = None,
        api_key: str | None = None,
        chat_template: Path | None = None,
    ) -> "EngineModel":
        """Find out what an engine serves.

        Parameters
        ----------
        served_name
            Which of its models; the first one by default.
        tokenizer
            Folder or hub id of its tokenizer; what the engine says it loaded by default.
        chat_template
            See `PromptEncoder.from_pretrained`; the engine is sent tokens, and need not know it.

        Raises
        ------
        LanguageModelError
            There is no engine, or a proxy of Lethe's in its place, it does not serve the model, or its tokenizer cannot be
            found.
        """
        url = url.rstrip("/").removesuffix("/v1")
        # Before anything slow: the model of a proxy may be one that nobody here has.
        if asyncio.run(is_lethe(url)):
            raise LanguageModelError(
                f"{url} is a proxy, which takes no corruption from its clients; name the engine behind it, or "
                "`--engine embedded` for the one that lethe serve started here"
            )
        models = asyncio.run(served_models(url, api_key))
        name = served_name or next(iter(models), "")
        if name not in models:
            raise LanguageModelError(
                f"{url} does not serve {name!r}; it serves {', '.join(models) or 'nothing'}"
            )
        source = tokenizer or models[name]
        if source.startswith("/") and not Path(source).is_dir():
            raise LanguageModelError(f"{url} loaded {source}, which is not on this machine; name a tokenizer")
        encoder = PromptEncoder.from_pretrained(source, chat_template)
        return cls(url, name, encoder, api_key, loaded_from=models[name])

    @property
    def name(self) -> str:
        return self.served_name

    @property
    def base_model_name(self) -> str:
        """What its model is to be called elsewhere: the hub id that it was loaded by, or its name instead of a folder."""
        is_folder = self.loaded_from.startswith((".", "/", "~")) or Path(self.loaded_from).is_dir()
        return self.served_name if is_folder else self.loaded_from

    def require_plugin(self) -> None:
        """Check that the engine carries out corruptions at all.

        Raises
        ------
        LanguageModelError
            A corruption that must change everything changes nothing.
        """
        prompt = Prompt("What is the capital of France?", chat=self.encoder.chats)
        strong = Corruption("rand_noise_first_n", 1000.0, 1)
        clean, corrupted = self.score(
            [Scoring(prompt, "The capital of France is Paris.", c) for c in (None, strong)]
        )
        if abs(float(clean.mean() - corrupted.mean())) < _NOTICEABLE:
            raise LanguageModelError(
                f"the engine at {self.url} does not corrupt prompts: start it with Lethe's plugin "
                "(`pip install lethegate` in its environment)"
            )

    def score(self, tasks: Sequence[Scoring]) -> list[NDArray[np.float64]]:
        """See `LanguageModel.score`."""
        return self._run([self._score_body(task) for task in tasks], self._read_scores, tasks)

    def examine(self, tasks: Sequence[Scoring]) -> list[Examination]:
        """See `LanguageModel.examine`; an engine gives no whole distributions."""
        return self._run([self._score_body(task) for task in tasks], self._read_token_scores, tasks)

    def generate(self, tasks: Sequence[Generation]) -> list[str]:
        """See `LanguageModel.generate`."""
        return self._run(
            [self._generate_body(task) for task in tasks], lambda choice, _task: choice["text"], tasks
        )

    def choose(self, tasks: Sequence[Choice]) -> list[NDArray[np.float64]]:
        """See `LanguageModel.choose`."""
        options = {"max_tokens": 1, "logprobs": _TOP_TOKENS, "return_tokens_as_token_ids": True}
        bodies = [self._body(self.encoder.encode(task.prompt), task.corruption) | options for task in tasks]
        return self._run(bodies, self._read_options, tasks)

    def _body(
        self, prompt: TokenizedPrompt, corruption: Corruption | None, answer: Sequence[int] = ()
    ) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self.served_name,
            "prompt": [*prompt.token_ids, *answer],
            "temperature": 0.0,
        }
        if corruption is not None:
            request = corruption_request(prompt, corruption, answer)
            body["vllm_xargs"] = request.to_xargs()
        return body

    def _generate_body(self, task: Generation) -> dict[str, Any]:
        begun = self.encoder.encode_answer(task.begun) if task.begun else ()
        body = self._body(self.encoder.encode(task.prompt), task.corruption, begun)
        body["max_tokens"] = task.max_tokens
        if task.temperature:
            body |= {"temperature": task.temperature, "seed": task.seed, "top_k": 0, "top_p": 1.0}
        return body

    def _score_body(self, task: Scoring) -> dict[str, Any]:
        answer = self.encoder.encode_answer(task.answer)
        body = self._body(self.encoder.encode(task.prompt), task.corruption, answer)
        return body | {"max_tokens": 1, "prompt_logprobs": 0}

    def _read_scores(self, choice: dict[str, Any], task: Scoring) -> NDArray[np.float64]:
        return np.array([token["logprob"] for token in self._answer_tokens(choice, task)])

    def _read_token_scores(self, choice: dict[str, Any], task: Scoring) -> Examination:
        tokens = self._answer_tokens(choice, task)
        return Examination(
            np.array([token["logprob"] for token in tokens]),
            np.array([token["rank"] == 1 for token in tokens]),
        )

    def _answer_tokens(self, choice: dict[str, Any], task: Scoring) -> list[dict[str, Any]]:
        answer = self.encoder.encode_answer(task.answer)
        steps = choice["prompt_logprobs"][-len(answer) :]
        return [step[str(token)] for step, token in zip(steps, answer, strict=True)]

    def _read_options(self, choice: dict[str, Any], task: Choice) -> NDArray[np.float64]:
        found = choice["logprobs"]["top_logprobs"][0]
        tokens = [self.encoder.encode_option(option) for option in task.options]
        return np.array([found.get(f"token_id:{token}", -np.inf) for token in tokens])

    def _run(self, bodies: Sequence[dict[str, Any]], read: Any, tasks: Sequence[Any]) -> list[Any]:
        url = f"{self.url}/v1/completions"
        choices = asyncio.run(post_all([(url, body) for body in bodies], self._api_key, self.concurrency))
        return [read(choice, task) for choice, task in zip(choices, tasks, strict=True)]
