"""What an interruption of a long job says."""

import signal
from collections.abc import Callable, Iterator

import pytest
import typer
from typer.testing import CliRunner

from lethe.cli.long_jobs import long_job
from lethe.offline.progress import Progress


@pytest.fixture(autouse=True)
def _heeds_signals() -> Iterator[None]:
    """Whoever runs the tests in the background may have told their process to ignore one."""
    before = {each: signal.signal(each, signal.SIG_DFL) for each in (signal.SIGTERM, signal.SIGHUP)}
    yield
    for each, handler in before.items():
        signal.signal(each, handler)


def counted(progress: Progress) -> None:
    progress.expect(7)
    for stage in ("embedding", "fitting"):
        progress.begin(stage)
    raise KeyboardInterrupt


def uncounted(progress: Progress) -> None:
    progress.at("gradients: 3 of 10 examples")
    raise KeyboardInterrupt


def early(progress: Progress) -> None:
    raise KeyboardInterrupt


def stopped(number: signal.Signals) -> Callable[[Progress], None]:
    def job(progress: Progress) -> None:
        progress.at("gradients: 3 of 10 examples")
        signal.raise_signal(number)

    return job


@pytest.mark.parametrize(
    ("job", "line"),
    [
        (
            counted,
            "lethe: interrupted at stage 2 of 7: fitting; the same command goes on from this stage, and keeps embeddings",
        ),
        (
            uncounted,
            "lethe: interrupted at gradients: 3 of 10 examples; the same command goes on, and keeps embeddings",
        ),
        (early, "lethe: interrupted; the same command goes on, and keeps embeddings"),
        *(
            (
                stopped(number),
                "lethe: interrupted at gradients: 3 of 10 examples; the same command goes on, and keeps embeddings",
            )
            for number in (signal.SIGTERM, signal.SIGHUP)
        ),
    ],
)
def test_an_interruption_is_one_line_that_says_how_it_goes_on(
    job: Callable[[Progress], None], line: str
) -> None:
    app = typer.Typer()

    @app.command()
    def run() -> None:
        with long_job("embeddings") as progress:
            job(progress)

    result = CliRunner().invoke(app)
    assert result.exit_code == 130
    assert result.stderr.splitlines()[-1] == line
    assert "Traceback" not in result.output


def test_a_job_that_keeps_nothing_promises_nothing() -> None:
    app = typer.Typer()

    @app.command()
    def run() -> None:
        with long_job() as progress:
            counted(progress)

    told = CliRunner().invoke(app).stderr.splitlines()
    assert told[0] == "ctrl-C interrupts it; nothing is kept then"
    assert told[-1] == "lethe: interrupted at stage 2 of 7: fitting; the same command begins anew"


def test_a_job_that_does_its_stages_again_does_not_promise_to_go_on() -> None:
    app = typer.Typer()

    @app.command()
    def run() -> None:
        with long_job("embeddings", resumes=False) as progress:
            counted(progress)

    told = CliRunner().invoke(app).stderr.splitlines()
    assert told[0] == "ctrl-C interrupts it; the same command then begins anew, and keeps embeddings"
    assert (
        told[-1]
        == "lethe: interrupted at stage 2 of 7: fitting; the same command begins anew, and keeps embeddings"
    )


def test_it_is_said_before_the_first_stage_that_it_can_be_interrupted() -> None:
    app = typer.Typer()

    @app.command()
    def run() -> None:
        with long_job("embeddings") as progress:
            progress.at("opening the model")
            for stage in ("embedding", "fitting"):
                progress.begin(stage)

    assert CliRunner().invoke(app).stderr.splitlines() == [
        "ctrl-C interrupts it; the same command then goes on, and keeps embeddings",
        "stage 1: embedding",
        "stage 2: fitting",
    ]


def test_of_several_processes_one_speaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    app = typer.Typer()

    @app.command()
    def run() -> None:
        with long_job("embeddings") as progress:
            counted(progress)

    result = CliRunner().invoke(app)
    assert (result.exit_code, result.output) == (130, "")


def test_a_closed_terminal_does_not_end_a_job_that_is_not_to_notice() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with long_job("embeddings"):
        signal.raise_signal(signal.SIGHUP)
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
