"""One request's answers before the guard: what they have shown is put to it, and what it decides is written down."""

import time
from collections.abc import Collection, Sequence
from dataclasses import replace

from lethe.classifier.conversation import Conversation
from lethe.server.endpoints.answer_form import AnswerForm, Shown
from lethe.server.endpoints.endpoint import Opening
from lethe.server.engines.answer import EngineAnswer
from lethe.server.guard.answers import MADE_ANEW
from lethe.server.guard.decision import Decision
from lethe.server.guard.guard import Guard
from lethe.server.request.accepted import Accepted
from lethe.server.request.answer_texts import AnswerTexts
from lethe.server.request.asking import Asking
from lethe.server.request.record import Record


class AnswerJudge:
    """Judges the answers to one request, and has them made anew once.

    Parameters
    ----------
    accepted
        The request. What its decision has not answered as the model would by itself is not made anew: it is refused if
        it tells something nevertheless.
    form
        How they are read.
    openings
        What they begin from, one for each prompt.
    """

    def __init__(
        self,
        guard: Guard,
        accepted: Accepted,
        form: AnswerForm,
        openings: Sequence[Opening],
        asking: Asking,
        record: Record,
    ) -> None:
        self.form = form
        self.record = record
        self.request = accepted.request
        self._guard = guard
        self._key = accepted.key
        self._served = accepted.served
        is_itself = accepted.decision.outcome not in MADE_ANEW
        self._openings = openings if is_itself else _unasked(openings)
        self._asking = asking
        # What a grammar forces is said whatever the prompt is made to be.
        self._may_be_made_anew = is_itself and accepted.request.demanded_output() is None
        self._begin()

    def _begin(self) -> None:
        self._texts = AnswerTexts(self._openings, self.request.choices)

    def read(self, shown: Sequence[Shown]) -> None:
        """The answer shows this next."""
        self._texts.add(shown)

    async def look(self, ended: Collection[int]) -> dict[int, Decision]:
        """What is decided on each choice that shows something new.

        Parameters
        ----------
        ended
            The choices that have ended since the last look.
        """
        decisions: dict[int, Decision] = {}
        for choice, exchanges in self._texts.to_judge(ended).items():
            started = time.perf_counter()
            decisions[choice] = await self._guard.decide_answer(
                exchanges,
                self._key,
                self._served,
                may_be_made_anew=self._may_be_made_anew,
                unreadable=self._texts.unreadable.get(choice, ""),
            )
            self.record.looked(decisions[choice], time.perf_counter() - started)
        return decisions

    async def make_anew(self, decision: Decision, discarded_tokens: int) -> EngineAnswer:
        """Ask the model once more, so that it does not know; see `EnginePool.post` for errors.

        Parameters
        ----------
        discarded_tokens
            About how many of the answer before were made in vain.
        """
        self._may_be_made_anew = False
        self._openings = _unasked(self._openings)
        self._begin()
        self.record.made_anew(discarded_tokens)
        return await self._asking.ask_anew(decision, len(self._openings))


def _unasked(openings: Sequence[Opening]) -> list[Opening]:
    """What an answer of a model that does not know begins from: what was asked says nothing of it."""
    return [replace(each, question=Conversation(())) for each in openings]
