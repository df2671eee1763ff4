"""The attacks of a run, carried out: each conversation found, judged, and put to the model under attack."""

import asyncio
import random
from collections.abc import Mapping, Sequence

from lethe.bundle.errors import LetheError
from lethe.offline.attacks.disguises import Messages
from lethe.offline.attacks.search import SearchLimits, rank_words
from lethe.offline.attacks.words import ordinary_words
from lethe.offline.data.questions import ForgetQuestion
from lethe.offline.language_models.interface import LanguageModelError
from lethe.offline.progress import Progress
from lethe.offline.redteam.attacks import Attack, Attempt
from lethe.offline.redteam.chat import Answers, ChatServer, Refused
from lethe.offline.redteam.detectors import Detector, margins_of
from lethe.offline.redteam.outcomes import AttackOutcome, OutcomeLog
from lethe.offline.redteam.settings import RedTeamSettings

# Questions that words are ranked on.
_RANKED_ON = 2


class Campaign:
    """What all attacks of a run share; the means that each of them may use.

    Parameters
    ----------
    model
        Name of the model under attack.
    attacker
        Server and name of the attacker's own model, if there is one.
    """

    def __init__(
        self,
        settings: RedTeamSettings,
        server: ChatServer,
        model: str,
        detector: Detector,
        log: OutcomeLog,
        attacker: tuple[ChatServer, str] | None = None,
    ) -> None:
        self.words: Sequence[str] = ordinary_words()
        self.limits = SearchLimits(settings.queries, settings.added)
        self._settings = settings
        self._server = server
        self._model = model
        self._detector = detector
        self._log = log
        self._attacker = attacker
        self._left = settings.budget

    @property
    def spent(self) -> bool:
        """Whether the budget of answers is used up."""
        return self._left is not None and self._left <= 0

    async def margins(self, texts: Sequence[str]) -> list[float]:
        """See `Means.margins`."""
        return await margins_of(self._detector, texts)

    async def ask(self, messages: Messages) -> str:
        """See `Means.ask`."""
        answers = await self._ask(messages, 1, 0.0)
        return answers.texts[0]

    async def attacker(self, messages: Messages) -> str:
        """See `Means.attacker`."""
        assert self._attacker is not None
        server, model = self._attacker
        try:
            answers = await server.ask(model, messages, self._settings.max_tokens)
        except Refused as error:
            # It is not the guard that has refused.
            raise LanguageModelError(f"the attacker's model {model} takes no such request: {error}") from None
        return answers.texts[0]

    async def run(
        self, attacks: Mapping[str, Attack], probes: Sequence[ForgetQuestion], progress: Progress
    ) -> None:
        """Carry out what is not in the log, attack by attack, and stop where the budget is used up.

        Raises
        ------
        LanguageModelError
            A server cannot be reached, or does not answer the key.
        """
        for name, attack in attacks.items():
            left = [
                probe for probe in probes if attack.fits(probe) and (name, probe.question) not in self._log
            ]
            if left and not self.spent:
                if attack.needs == "scores":
                    await self._rank(probes)
                progress.begin(f"{name}, {len(left)} questions")
                await self._run_one(name, attack, left, progress)

    async def _run_one(
        self, name: str, attack: Attack, probes: Sequence[ForgetQuestion], progress: Progress
    ) -> None:
        limit = asyncio.Semaphore(self._settings.concurrency)
        done = 0

        async def one(probe: ForgetQuestion) -> None:
            nonlocal done
            async with limit:
                if not self.spent:
                    self._log.add(await self._carried_out(name, attack, probe))
            done += 1
            progress.advance(done, len(probes))

        try:
            async with asyncio.TaskGroup() as group:
                for probe in probes:
                    group.create_task(one(probe))
        except* LetheError as failed:
            raise failed.exceptions[0] from None

    async def _carried_out(self, name: str, attack: Attack, probe: ForgetQuestion) -> AttackOutcome:
        choice = random.Random(f"{self._settings.seed}:{name}:{probe.question}")
        answers, refused = Answers(()), False
        try:
            attempt = await attack.run(probe, self, choice)
        except Refused:
            # A turn that leads up to the question is blocked already.
            attempt, refused = Attempt([{"role": "user", "content": probe.question}]), True
        found = await self._detector.judge(attempt.messages)
        if not refused:
            try:
                answers = await self._ask(attempt.messages, *self._sampling(attack))
            except Refused:
                refused = True
        search = attempt.search
        return AttackOutcome(
            name,
            attack.kind,
            probe.question,
            attempt.messages,
            found.flagged,
            found.margin,
            "refused" if refused else found.status,
            answers.verdict,
            answers.texts,
            attempt.queries,
            search.first_pass if search else None,
            search.best.added if search else None,
            attempt.on_the_way,
        )

    def _sampling(self, attack: Attack) -> tuple[int, float]:
        if attack.kind != "sampling":
            return 1, 0.0
        return self._settings.samples, self._settings.temperature

    async def _ask(self, messages: Messages, samples: int, temperature: float) -> Answers:
        if self._left is not None:
            self._left -= samples
        settings = self._settings
        return await self._server.ask(
            self._model, messages, settings.max_tokens, samples, temperature, settings.seed
        )

    async def _rank(self, probes: Sequence[ForgetQuestion]) -> None:
        """Put the words first that lower some questions' margins most; the same ones whatever is in the log."""
        choice = random.Random(f"{self._settings.seed}:words")
        questions = [probe.question for probe in probes]
        chosen = choice.sample(questions, min(_RANKED_ON, len(questions)))
        self.words = await rank_words(chosen, self.margins, ordinary_words())
