"""A running proxy, as its clients see it."""

import asyncio
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lethe.offline.language_models.http import post_all, served_models
from lethe.offline.language_models.interface import (
    Choice,
    Examination,
    Generation,
    LanguageModel,
    LanguageModelError,
    Scoring,
)

_TOP_TOKENS = 20


class ProxyModel:
    """Generates and chooses through a proxy, which decides by itself what it corrupts.

    Parameters
    ----------
    url
        Where it listens, without ``/v1``.
    concurrency
        Requests in flight.
    scorer
        Scores given answers in its place: the proxy's engine or the same model, behind the same bundle's guard.
    """

    def __init__(
        self,
        url: str,
        served_name: str,
        api_key: str | None = None,
        concurrency: int = 32,
        scorer: LanguageModel | None = None,
    ) -> None:
        self.url = url.rstrip("/").removesuffix("/v1")
        self.served_name = served_name
        self.concurrency = concurrency
        self.scorer = scorer
        self._api_key = api_key

    @classmethod
    def connect(
        cls,
        url: str,
        *,
        served_name: str | None = None,
        api_key: str | None = None,
        scorer: LanguageModel | None = None,
    ) -> "ProxyModel":
        """Find out what a proxy serves.

        Raises
        ------
        LanguageModelError
            There is none, or it does not serve the model.
        """
        # As `lethe serve` says where it is, with what OpenAI's clients want at its end.
        url = url.rstrip("/").removesuffix("/v1")
        models = asyncio.run(served_models(url, api_key))
        name = served_name or next(iter(models), "")
        if name not in models:
            raise LanguageModelError(
                f"{url} does not serve {name!r}; it serves {', '.join(models) or 'nothing'}"
            )
        return cls(url, name, api_key, scorer=scorer)

    @property
    def name(self) -> str:
        return f"{self.served_name} through the proxy"

    def score(self, tasks: Sequence[Scoring]) -> list[NDArray[np.float64]]:
        """See `LanguageModel.score`; the scorer answers.

        Raises
        ------
        LanguageModelError
            There is none: a proxy takes an answer that is to be scored for part of the prompt, and would corrupt it
            too.
        """
        return self._scorer().score(tasks) if tasks else []

    def examine(self, tasks: Sequence[Scoring]) -> list[Examination]:
        """See `LanguageModel.examine`; as for `score`."""
        return self._scorer().examine(tasks) if tasks else []

    def generate(self, tasks: Sequence[Generation]) -> list[str]:
        """See `LanguageModel.generate`."""
        self._refuse_corruptions(tasks)
        bodies = [self._generate_body(task) for task in tasks]
        return [_text(choice) for choice in self._post(bodies)]

    def choose(self, tasks: Sequence[Choice]) -> list[NDArray[np.float64]]:
        """See `LanguageModel.choose`; options are found by their text."""
        self._refuse_corruptions(tasks)
        asked = {True: {"logprobs": True, "top_logprobs": _TOP_TOKENS}, False: {"logprobs": _TOP_TOKENS}}
        bodies = [self._body(task) | {"max_tokens": 1} | asked[task.prompt.chat] for task in tasks]
        return [
            np.array([_top_tokens(choice).get(option, -np.inf) for option in task.options])
            for choice, task in zip(self._post(bodies), tasks, strict=True)
        ]

    def _scorer(self) -> LanguageModel:
        if self.scorer is None:
            raise LanguageModelError(
                "answers cannot be scored through the proxy, which would corrupt them with the prompt; "
                "name its --engine and its --bundle too, and the same classifier decides about the question alone"
            )
        return self.scorer

    def _generate_body(self, task: Generation) -> dict[str, Any]:
        body: dict[str, Any] = self._body(task) | {"max_tokens": task.max_tokens}
        if task.temperature:
            body |= {"temperature": task.temperature, "seed": task.seed}
        if not task.begun:
            return body
        if not task.prompt.chat:
            return body | {"prompt": task.prompt.text + task.begun}
        turns = [*body["messages"], {"role": "assistant", "content": task.begun}]
        return body | {"messages": turns, "continue_final_message": True, "add_generation_prompt": False}

    def _body(self, task: Generation | Choice) -> dict[str, Any]:
        body: dict[str, Any] = {"model": self.served_name, "temperature": 0.0}
        if task.prompt.chat:
            return body | {"messages": [{"role": "user", "content": task.prompt.text}]}
        return body | {"prompt": task.prompt.text}

    def _post(self, bodies: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        requests = [
            (f"{self.url}/v1/{'chat/completions' if 'messages' in body else 'completions'}", body)
            for body in bodies
        ]
        return asyncio.run(post_all(requests, self._api_key, self.concurrency))

    def _refuse_corruptions(self, tasks: Sequence[Generation | Choice]) -> None:
        if any(task.corruption for task in tasks):
            raise LanguageModelError(
                "a proxy takes no corruption from its clients; measure candidates on its engine"
            )


def _text(choice: dict[str, Any]) -> str:
    return (choice["message"]["content"] if "message" in choice else choice["text"]) or ""


def _top_tokens(choice: dict[str, Any]) -> dict[str, float]:
    if "message" in choice:
        return {
            entry["token"]: entry["logprob"] for entry in choice["logprobs"]["content"][0]["top_logprobs"]
        }
    return choice["logprobs"]["top_logprobs"][0]
