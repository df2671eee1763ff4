"""Threads that score texts, a step at a time and in turn, so that a long conversation delays no short one.

A step is one text, or a few short ones, read through the first tier, or one window through the encoder. Windows of all waiting
requests share the encoder in turn instead of in one padded batch: on a CPU the time for each token is the same,
and no text's verdict can depend on what was asked beside it.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from lethe.classifier.errors import ClassifierClosed, ClassifierOverloaded
from lethe.classifier.first_tier import UnreadText, Window
from lethe.classifier.scoring import Scorer
from lethe.classifier.tally import Tally
from lethe.classifier.text_scores import TextScores, combine

# Scores of a job's texts.
Finished = Callable[[list[TextScores] | None, BaseException | None], None]

# Characters of texts that are prepared in one step.
_READ_TOGETHER = 2048


class _Pace:
    """How long steps of one kind take; a step is timed as a context, by the thread that does it."""

    def __init__(self) -> None:
        self._done = 0
        self._held = self._worked = 0.0
        self._began: float | None = None

    def __enter__(self) -> None:
        self._began, self._worked_before = time.perf_counter(), time.thread_time()

    def __exit__(self, *_: object) -> None:
        assert self._began is not None
        held, self._began = time.perf_counter() - self._began, None
        self._held += held
        self._worked += time.thread_time() - self._worked_before
        self._done += 1

    def held(self) -> float:
        """How long a worker was held, the step under way included."""
        began = self._began
        return self._held + (0.0 if began is None else time.perf_counter() - began)

    def worked(self, left: int) -> float:
        """What the steps took of a core, and what those that are left take at their pace."""
        return self._worked + (left * self._worked / self._done if self._done else 0.0)


class Job:
    """The texts of one conversation on their way to scores.

    Unless spans are wanted, a text is read no further once every target is found in it.
    """

    def __init__(
        self,
        scorer: Scorer,
        texts: Sequence[UnreadText],
        maximum_windows: int,
        spans: bool,
        finished: Finished,
        tally: Tally,
    ) -> None:
        self.cancelled = False
        self._scorer = scorer
        self._spans = spans
        self._texts = deque(enumerate(texts))
        self._windows: deque[tuple[int, Window]] = deque()
        self._scored: list[list[TextScores]] = [[] for _ in texts]
        self._complete = [True for _ in texts]
        self._unreadable: list[tuple[tuple[int, int], ...]] = [() for _ in texts]
        self._highest = [scorer.nothing_found() for _ in texts]
        self._windows_left = maximum_windows
        self._finished = finished
        self._tally = tally
        self._of_texts, self._of_windows = _Pace(), _Pace()

    def step(self) -> bool:
        """Do one step; True when nothing is left to do."""
        with self._of_windows if self._windows else self._of_texts:
            self._step()
        return not self._windows and not self._texts

    def least_seconds(self) -> float:
        """The least time that reading all of it takes, were nothing else to be read; called from any thread.

        What it had of a worker so far, or what it will have had of a core at that pace; windows of texts not yet
        prepared are not known, and count nothing.
        """
        held = self._of_texts.held() + self._of_windows.held()
        return max(
            held, self._of_texts.worked(len(self._texts)) + self._of_windows.worked(len(self._windows))
        )

    def so_far(self) -> list[TextScores]:
        """The scores of what was read, none of them complete; called from any thread."""
        floor = self._scorer.nothing_found()
        return [
            combine(floor, False, list(scored), unreadable)
            for scored, unreadable in zip(self._scored, self._unreadable, strict=True)
        ]

    def _step(self) -> None:
        if self._windows:
            index, window = self._windows.popleft()
            scores = self._scorer.score_window(window, spans=self._spans)
            self._tally.count(encoded=1)
            self._scored[index].append(scores)
            self._highest[index] = np.maximum(self._highest[index], scores.as_material.scores)
            if not self._spans and self._scorer.settled(self._highest[index]):
                self._windows = deque(each for each in self._windows if each[0] != index)
            return
        together = list(self._next_texts())
        for index, prepared in zip(
            (index for index, _ in together),
            self._scorer.prepare_all([unread for _, unread in together]),
            strict=True,
        ):
            self._tally.count(cleared=prepared.cleared)
            allowed = prepared.windows[: self._windows_left]
            self._windows_left -= len(allowed)
            self._complete[index] = prepared.complete and len(allowed) == len(prepared.windows)
            self._unreadable[index] = prepared.unreadable
            self._windows.extend((index, window) for window in allowed)

    def _next_texts(self) -> Iterator[tuple[int, UnreadText]]:
        """The next text, and short ones behind it."""
        room = _READ_TOGETHER
        while self._texts and (room == _READ_TOGETHER or len(self._texts[0][1].text) <= room):
            index, unread = self._texts.popleft()
            room -= len(unread.text)
            yield index, unread

    def finish(self) -> None:
        floor = self._scorer.nothing_found()
        parts = zip(self._complete, self._scored, self._unreadable, strict=True)
        self._finished([combine(floor, *part) for part in parts], None)

    def fail(self, error: BaseException) -> None:
        self._finished(None, error)


class WorkerPool:
    """A bounded queue of jobs and the threads that serve it."""

    def __init__(self, workers: int, capacity: int) -> None:
        self._capacity = capacity
        self._jobs: deque[Job] = deque()
        self._unfinished = 0
        self._closed = False
        self._changed = threading.Condition()
        self._threads = [
            threading.Thread(target=self._work, name=f"classifier-{index}", daemon=True)
            for index in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def waiting(self) -> int:
        """Jobs not finished yet."""
        return self._unfinished

    def submit(self, job: Job) -> None:
        with self._changed:
            if self._closed:
                raise ClassifierClosed("the classifier was closed; a newer one is in force")
            if self._unfinished >= self._capacity:
                raise ClassifierOverloaded(
                    f"{self._unfinished} conversations wait to be classified; add workers or a larger queue_capacity"
                )
            self._unfinished += 1
            self._jobs.append(job)
            self._changed.notify()

    def close(self) -> None:
        """Finish what waits, then stop the threads; new jobs are refused at once."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def join(self) -> None:
        """Wait for the threads to end, after `close`."""
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (job := self._next_job()) is not None:
            done = True
            try:
                done = job.cancelled or job.step()
                if done and not job.cancelled:
                    job.finish()
            except Exception as error:
                job.fail(error)
            self._give_back(job, done)

    def _next_job(self) -> Job | None:
        with self._changed:
            while not self._jobs:
                if self._closed:
                    return None
                self._changed.wait()
            return self._jobs.popleft()

    def _give_back(self, job: Job, done: bool) -> None:
        with self._changed:
            if done:
                self._unfinished -= 1
            else:
                self._jobs.append(job)
                self._changed.notify()
