"""One request's answers before the guard: what they have shown is put to it, and what it decides is written down."""

import time
from collections.abc import Collection, Sequence
from dataclasses import replace

from lethe.classifier.conversation import Conversation
from lethe.classifier.exchange import Exchange
from lethe.server.endpoints.answer_form import SAID, STOPPED_AT, AnswerForm, Shown
from lethe.server.endpoints.endpoint import Opening
from lethe.server.engines.answer import EngineAnswer
from lethe.server.guard.answers import MADE_ANEW
from lethe.server.guard.decision import Decision
from lethe.server.guard.guard import Guard
from lethe.server.request.accepted import Accepted
from lethe.server.request.answer_texts import AnswerTexts, Decode
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
        self._stops = accepted.request.stop_tokens
        self._guard = guard
        self._key = accepted.key
        self._served = accepted.served
        self._openings = openings
        self._asking = asking
        self._decode: Decode = accepted.served.engines.detokenize
        # What a grammar forces is said whatever the prompt is made to be.
        self._may_be_made_anew = accepted.decision.outcome not in MADE_ANEW and not accepted.demands
        self._asked: frozenset[str] = frozenset()
        self._begin()

    def _begin(self) -> None:
        self._texts = AnswerTexts(self._openings, self.request.choices, self._decode, self._asked)

    async def leave_prompt_out(self, decision: Decision) -> None:
        """Judge by itself what comes: by a decision, its model does not read the prompt as the client wrote it.

        Of the targets that this hides from the model, less tells. What the client wrote as the answer's beginning goes too if
        it tells something already, so that it is no evidence against the model. Otherwise an answer that is asked for in
        slices would be judged by the slice.
        """
        self._asked = frozenset(
            each.name for each in decision.flagged if each.action.corrupts or each.action.adapts
        )
        self._openings = [
            replace(each, question=Conversation(()), said="" if await self._tells(each.said) else each.said)
            for each in self._openings
        ]
        self._begin()

    async def _tells(self, said: str) -> bool:
        if not said:
            return False
        alone = Exchange(Conversation(()), said, asked=self._asked)
        decision = await self._guard.decide_answer([alone], self._key, self._served, may_be_made_anew=False)
        return bool(decision.flagged)

    def read(self, shown: Sequence[Shown]) -> None:
        """The answer shows this next."""
        if any(each.track == STOPPED_AT for each in shown):
            shown = [said for each in shown if (said := self._as_said(each)) is not None]
        self._texts.add(shown)

    def _as_said(self, shown: Shown) -> Shown | None:
        """What is shown, with the token that an answer stopped at as its end; none for one that the model ends each with."""
        if shown.track != STOPPED_AT:
            return shown
        return shown._replace(track=SAID) if self._stops.issuperset(shown.ids) else None

    async def look(self, ended: Collection[int]) -> dict[int, Decision]:
        """What is decided on each choice that shows something new.

        Parameters
        ----------
        ended
            The choices that have ended since the last look.
        """
        decisions: dict[int, Decision] = {}
        for choice, exchanges in (await self._texts.to_judge(ended)).items():
            started = time.perf_counter()
            decisions[choice] = await self._guard.decide_answer(
                exchanges,
                self._key,
                self._served,
                may_be_made_anew=self._may_be_made_anew,
                unreadable=self._texts.unreadable.get(choice, ""),
            )
            if decisions[choice].read_all:
                self._texts.were_judged(choice)
            characters = max(len(each.answer) for each in exchanges)
            self.record.looked(decisions[choice], time.perf_counter() - started, characters)
        return decisions

    async def make_anew(self, decision: Decision, discarded_tokens: int) -> EngineAnswer:
        """Ask the model once more, so that it does not know; see `EnginePool.post` for errors.

        Parameters
        ----------
        discarded_tokens
            About how many of the answer before were made in vain.
        """
        self._may_be_made_anew = False
        await self.leave_prompt_out(decision)
        self.record.made_anew(discarded_tokens)
        return await self._asking.ask_anew(decision, len(self._openings))
