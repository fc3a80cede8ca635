"""The commands put together, and the one way in."""

import logging
import sys
import warnings
from collections.abc import Sequence
from typing import Annotated

import typer

from napari_medkd import __version__
from napari_medkd.cli import (
    batch,
    corrections,
    evaluate,
    export,
    info,
    learn,
    models,
    runs,
    segment,
    train,
    view,
)
from napari_medkd.cli.exits import exit_code

app = typer.Typer(
    name="medkd",
    help="Click a medical image, get a mask. Exit code 0 for success; 2 with a sentence on standard error "
    "for what cannot be done; 1 for a fault of the program.",
    add_completion=False,
    rich_markup_mode=None,  # rich help would triple the time of --help
)
app.command("view")(view.view)
app.command("segment")(segment.segment)
app.command("batch")(batch.batch)
app.command("info")(info.info)
app.command("export")(export.export)
app.command("evaluate")(evaluate.evaluate)
app.command("train", cls=train.TrainCommand)(train.train)
app.add_typer(models.app, name="models")
app.add_typer(runs.app, name="runs")
app.add_typer(corrections.app, name="corrections")
app.add_typer(learn.app, name="learn")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"medkd {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[
        bool, typer.Option("--debug", help="Show log messages, and the traceback of an unexpected fault.")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    handler = logging.StreamHandler(sys.stderr)
    logging.basicConfig(level=logging.DEBUG if debug else logging.ERROR, handlers=[handler])
    if not debug:  # what libraries tell their programmers is not for the user
        warnings.simplefilter("ignore")
        handler.addFilter(logging.Filter("napari_medkd"))


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; what goes wrong is a sentence on standard error."""
    command = typer.main.get_command(app)
    chosen = list(arguments) or ["--help"]
    with warnings.catch_warnings():
        return exit_code(lambda: command(chosen, prog_name="medkd", standalone_mode=False), chosen)


def main() -> None:
    """Run ``medkd`` with the arguments of this process."""
    sys.exit(run(sys.argv[1:]))
