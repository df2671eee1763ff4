"""The second net: what the engine answers goes out as it is, or is judged first, as the targets in force say."""

from fastapi.responses import Response

from lethe.server.guard.answers import MADE_ANEW, AnswerWatch
from lethe.server.guard.guard import Guard
from lethe.server.request.accepted import Accepted
from lethe.server.request.answer_judge import AnswerJudge
from lethe.server.request.asking import Asking
from lethe.server.request.bodies import Bodies
from lethe.server.request.judged_body import judged_body
from lethe.server.request.judged_stream import JudgedStream, ObservedStream
from lethe.server.request.lifetime import RequestLifetime
from lethe.server.request.placement import Placer
from lethe.server.request.record import Record
from lethe.server.settings.settings import Settings


class AnswerGuard:
    """Has requests answered, and the answers judged."""

    def __init__(self, settings: Settings, guard: Guard, placer: Placer, bodies: Bodies) -> None:
        self._settings = settings
        self._guard = guard
        self._placer = placer
        self._bodies = bodies

    async def answer(self, accepted: Accepted, record: Record, lifetime: RequestLifetime) -> Response:
        """Ask the engine, and pass on what may be.

        Raises
        ------
        APIError
            As of `EnginePool.post`, `lethe.server.request.relay.buffered` and `judged_body`.
        """
        request, form, served = accepted.request, accepted.request.answer_form, accepted.served
        watch = AnswerWatch.OFF if form is None else self._guard.watch(accepted.key, served)
        asking = Asking(served, self._placer, request, record, lifetime, judged=watch is AnswerWatch.GUARD)
        upstream = await asking.ask(accepted.decision)
        if form is None or watch is AnswerWatch.OFF:
            return await lifetime.relay(upstream)
        openings = request.openings(accepted.conversations)
        judge = AnswerJudge(self._guard, accepted, form, openings, asking, record)
        if accepted.decision.outcome in MADE_ANEW:
            await judge.leave_prompt_out(accepted.decision)
        refusal = self._settings.policy.refusal
        if not upstream.is_stream:
            name = served.engines.model_name
            refused = lambda: request.refusal(name, refusal)  # noqa: E731
            return lifetime.whole(
                await judged_body(upstream, judge, refused, observed=watch is AnswerWatch.OBSERVE)
            )
        if watch is AnswerWatch.OBSERVE:
            return lifetime.stream(ObservedStream(upstream, judge))
        lifetime.keep(self._bodies.kept(accepted.raw))
        return lifetime.stream(JudgedStream(upstream, judge, self._settings.answers, refusal))
