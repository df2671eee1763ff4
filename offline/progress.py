"""What a long job shows while it runs: its stages, counted, and how far it is in the one under way.

Knows nothing about what jobs do.
"""

from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, SpinnerColumn, Task, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.text import Text


class Progress:
    """Tells lines only: each stage as it begins.

    Parameters
    ----------
    say
        Told every line.
    notice
        Said once, before the first stage: what is wrong with a job's input is found before, and said alone.

    Attributes
    ----------
    under_way
        The stage, as in "stage 2 of 7: fitting", or what else is under way; empty before.
    """

    def __init__(self, say: Callable[[str], None] = print, notice: str = "") -> None:
        self.say = say
        self._notice = notice
        self.under_way = ""
        self._counts = False
        self._begun = 0
        self._expected = 0

    def expect(self, stages: int) -> None:
        """Say how many stages there will be, those behind included."""
        self._expected = stages

    def expect_more(self, stages: int) -> None:
        """Say how many stages there will be from here on."""
        self._expected = self._begun + stages

    @property
    def counts(self) -> bool:
        """Whether a counted stage is under way."""
        return self._counts

    def begin(self, stage: str) -> None:
        """Begin the next stage."""
        self._begun += 1
        of = f" of {self._expected}" if self._expected else ""
        self.show(f"stage {self._begun}{of}: {stage}")

    def show(self, stage: str, note: str = "") -> None:
        """Show that a stage begins that is counted already; a note is said of its beginning alone."""
        if self._notice:
            self.say(self._notice)
            self._notice = ""
        self._counts = True
        self.under_way = stage
        self.say(stage + note)

    def advance(self, done: int, total: int | None = None, note: str = "") -> None:
        """Say how far the stage is; without a total, nobody can know when it ends."""

    def at(self, place: str) -> None:
        """Say what is under way in a job that does not count its stages."""
        self.under_way = place
        self.advance(0, note=place)


class ConsoleProgress(Progress):
    """Shows stages on standard error: a line for each, and under it what moves for as long as it takes.

    Parameters
    ----------
    console
        By default standard error.
    shown
        Nothing is shown where this is not so, as in all processes but one.
    """

    def __init__(self, console: Console | None = None, shown: bool = True, notice: str = "") -> None:
        console = console or Console(stderr=True, quiet=not shown)
        super().__init__(
            lambda line: console.print(line, markup=False, highlight=False, soft_wrap=True), notice
        )
        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn())
        self._bars = Bars(
            *columns,
            _Counted(),
            TimeElapsedColumn(),
            _TimeLeft(),
            console=console,
            transient=True,
            # Seconds. Of a machine that others use too, a shorter stretch says little.
            speed_estimate_period=120,
            disable=not console.is_terminal,
        )
        self._total: int | None = None
        self._task = self._bars.add_task("", total=None)

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def show(self, stage: str, note: str = "") -> None:
        super().show(stage, note)
        self._renew(None)

    def advance(self, done: int, total: int | None = None, note: str = "") -> None:
        if total != self._total:
            self._renew(total)
        self._bars.update(self._task, completed=done, description=note)

    def _renew(self, total: int | None) -> None:
        # A bar whose end is known cannot become one whose end is not.
        self._bars.remove_task(self._task)
        self._total = total
        self._task = self._bars.add_task("", total=total)


class _Counted(ProgressColumn):
    """How much is done, of how much."""

    def render(self, task: Task) -> Text:
        return Text("" if task.total is None else f"{task.completed:,.0f} of {task.total:,.0f}")


class _TimeLeft(ProgressColumn):
    """How long the stage still takes, where that can be told."""

    max_refresh = 0.5

    def render(self, task: Task) -> Text:
        seconds = task.time_remaining
        if task.total is None or task.finished or seconds is None:
            return Text("")
        minutes, seconds = divmod(int(seconds), 60)
        return Text(f"{minutes}:{seconds:02} left in this stage")
