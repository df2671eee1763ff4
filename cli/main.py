"""The `lethe` command and its verbs."""

import typer

from cli import corruption_learn, demo, serve, targets

app = typer.Typer(
    name="lethe",
    help="Make a served language model not know chosen things.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("serve")(serve.serve)
app.command("demo")(demo.demo)
app.add_typer(corruption_learn.app, name="corruption")
app.add_typer(targets.app, name="targets")


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
