"""What a build says of the time that is left follows how fast it really goes."""

import pytest

from lethe.offline.progress import Progress
from lethe.offline.target_building.progress import BuildPart, BuildProgress


class Clock:
    """Seconds that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def progress(said: list[str], clock: Clock) -> BuildProgress:
    parts = [BuildPart("one", (100.0, 100.0)), BuildPart("two", (400.0,))]
    return BuildProgress(Progress(said.append), parts, clock)


def test_parts_and_stages_are_counted_and_the_plan_is_said_first(
    progress: BuildProgress, said: list[str]
) -> None:
    progress.begin_part()
    progress.expect(2)
    progress.begin("reading")
    assert said == [
        "part 1 of 2: one; about 10 minutes left in all",
        "part 1 of 2, stage 1 of 2: reading; about 10 minutes left in all",
    ]


def test_what_was_left_when_a_stage_began_is_no_part_of_its_name(clock: Clock) -> None:
    shown = Progress(lambda _line: None)
    progress = BuildProgress(shown, [BuildPart("one", (100.0,))], clock)
    progress.begin_part()
    progress.begin("reading")
    assert shown.under_way == "part 1 of 1, stage 1: reading"


def test_a_machine_of_half_the_speed_needs_about_twice_as_long(progress: BuildProgress, clock: Clock) -> None:
    progress.begin_part()
    progress.begin("reading")
    progress.advance(1, 2)
    clock.now = 100.0
    assert progress.seconds_left == pytest.approx(550 * 120 / 70)
    progress.advance(2, 2)
    clock.now = 200.0
    assert progress.seconds_left == pytest.approx(500 * 220 / 120)


def test_a_part_that_took_more_stages_than_planned_gives_no_negative_time(
    progress: BuildProgress, clock: Clock
) -> None:
    for _ in range(2):
        progress.begin_part()
        for _ in range(9):
            progress.begin("more")
            clock.now += 100
    assert progress.seconds_left == 0
