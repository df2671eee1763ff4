"""The `lethe` command and its verbs."""

import typer

from cli import (
    adapter,
    audit,
    classifier,
    corruption,
    corruption_learn,
    demo,
    evaluate,
    keys,
    recover,
    report,
    serve,
    targets,
)

app = typer.Typer(
    name="lethe",
    help="Make a served language model not know chosen things.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("serve")(serve.serve)
app.command("demo")(demo.demo)
corruption.app.command("learn")(corruption_learn.learn)
app.command("evaluate")(evaluate.evaluate)
app.command("report")(report.report)
app.add_typer(classifier.app, name="classifier")
app.add_typer(corruption.app, name="corruption")
app.add_typer(adapter.app, name="adapter")
app.add_typer(recover.app, name="recover")
app.add_typer(audit.app, name="audit")
app.add_typer(keys.app, name="keys")
app.add_typer(targets.app, name="targets")


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
