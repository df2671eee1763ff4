"""What is written down of one request, once, however it ends."""

import time
from collections.abc import Callable

from server.access import Access
from server.decision import Decision
from server.errors import EngineFailed
from server.keys import ApiKey
from server.metrics import Metrics
from server.relay import StreamEnd

CLIENT_CLOSED_REQUEST = 499


class Record:
    """One request, from its head to the end of its answer."""

    def __init__(self, endpoint: str, metrics: Metrics, access: Access) -> None:
        self.decision: Decision | None = None
        self._endpoint = endpoint
        self._metrics = metrics
        self._access = access
        self._key: ApiKey | None = None
        self._started = time.perf_counter()
        metrics.in_flight.inc()

    def admitted(self, key: ApiKey) -> None:
        """The request counts against a key from now on."""
        self._key = key

    def finished(self, status: int) -> None:
        """The request was answered."""
        if self._key is not None:
            self._access.release(self._key)
        self._metrics.in_flight.dec()
        seconds = time.perf_counter() - self._started
        self._metrics.record_request(self._endpoint, self.decision, status, seconds)

    def disconnected(self) -> None:
        """The client went away."""
        self._metrics.client_disconnects.inc()
        self.finished(CLIENT_CLOSED_REQUEST)

    def stream_ended(self, status: int) -> Callable[[StreamEnd], None]:
        """What is to be called at the end of a streamed answer."""

        def record(end: StreamEnd) -> None:
            if end is StreamEnd.CLIENT_GONE:
                self.disconnected()
            else:
                self.finished(status if end is StreamEnd.COMPLETE else EngineFailed.status)

        return record
