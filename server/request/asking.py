"""What the engine is asked, once or twice: a request's decision, put into its body."""

from dataclasses import replace

from lethe.server.endpoints.endpoint import GuardedRequest
from lethe.server.engines.answer import EngineAnswer
from lethe.server.engines.served import Served
from lethe.server.guard.decision import Decision
from lethe.server.request.lifetime import RequestLifetime
from lethe.server.request.placement import Placer
from lethe.server.request.record import Record
from lethe.server.request.rewrite import rewrite

# Of a second question an engine that still ends the first one must not think that it is the same.
_ANEW = "-anew"


class Asking:
    """Asks the engine what one request asks.

    Parameters
    ----------
    judged
        Whether the answer will be judged as it comes.
    """

    def __init__(
        self,
        served: Served,
        placer: Placer,
        request: GuardedRequest,
        record: Record,
        lifetime: RequestLifetime,
        judged: bool,
    ) -> None:
        self._served = served
        self._placer = placer
        self._request = request
        self._record = record
        self._lifetime = lifetime
        self._judged = judged and request.stream
        self._asked = 0

    async def ask(self, decision: Decision) -> EngineAnswer:
        """Ask, with what a decision applies; see `EnginePool.post` for errors.

        The answer is closed with the request at the latest.
        """
        # Before anything is waited for, or targets that change meanwhile could take the adapter away.
        uses = decision.adapter and self._served.engines.adapters.in_use(decision.adapter)
        adapter = uses and self._lifetime.keep(uses)
        corruption = None
        if decision.corruptions:
            corruption = await self._placer.place(self._request, decision, self._served.tokenizer)
        engine_id = self._record.request_id + _ANEW * self._asked
        self._asked += 1
        model = adapter or self._served.engine_name(self._request.model)
        body = rewrite(self._request, corruption, engine_id, model)
        if self._judged:
            body = self._request.for_judging(body)
        headers = {"X-Request-Id": engine_id, **self._record.asked(self._request)}
        upstream = await self._served.engines.post(self._request.path, body, headers, decision.adapter)
        # Whatever comes before somebody reads it: the client may go while what it has begun is judged.
        self._lifetime.hold(upstream.close)
        self._record.first_byte()
        return upstream

    async def ask_anew(self, decision: Decision, prompts: int) -> EngineAnswer:
        """Ask once more, as the decision on the answer says.

        Parameters
        ----------
        prompts
            How many the request has; nothing is known of them that would say where in them a corruption is to fall.
        """
        return await self.ask(replace(decision, verdicts=decision.verdicts[:1] * prompts))
