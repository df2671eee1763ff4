import pytest

from bench.reproduction.command import argument_parser, positive_count


@pytest.mark.parametrize("text", ["0", "-3", "1.5", "many", ""])
def test_what_counts_nothing_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argument_parser("", None)
    parser.add_argument("--epochs", type=positive_count)
    with pytest.raises(SystemExit):
        parser.parse_args(["--epochs", text])
    assert f"argument --epochs: {text!r} is not a whole number above 0" in capsys.readouterr().err


def test_a_count_is_read() -> None:
    parser = argument_parser("", None)
    parser.add_argument("--epochs", type=positive_count)
    assert parser.parse_args(["--epochs", "3"]).epochs == 3
