"""``medkd runs``: which runs there are, how they go, and their end."""

from pathlib import Path
from typing import Annotated

import typer

from napari_medkd.cli.options import Json

app = typer.Typer(name="runs", help="List, watch and stop runs.")

Run = Annotated[str, typer.Argument(metavar="RUN", help="Id of a run, or its folder; see medkd runs list.")]


@app.command("list")
def list_runs(
    folder: Annotated[
        Path | None,
        typer.Option("--in", metavar="FOLDER", help="Folder that holds runs. [default: where they are made]"),
    ] = None,
    json: Json = False,
) -> None:
    """List the runs, the newest first."""
    from napari_medkd import runs
    from napari_medkd.cli.output import print_json, print_table, say
    from napari_medkd.cli.run_report import RunsReport, progress_words, report
    from napari_medkd.errors import MedkdError

    found = []
    for path in runs.list_runs(folder):
        try:
            found.append(report(runs.attach(path)))
        except MedkdError as error:
            say(str(error))
    if json:
        print_json(RunsReport(runs=found))
        return
    if not found:
        say("No runs yet. Start one: medkd train, medkd batch or medkd learn start")
        return
    rows = [
        (run.id, run.status, run.recipe, progress_words(run), f"{run.created.astimezone():%Y-%m-%d %H:%M}")
        for run in found
    ]
    print_table(("Id", "Status", "Recipe", "Progress", "Started"), rows)


@app.command("watch")
def watch(
    run: Run,
    json: Annotated[bool, typer.Option("--json", help="Print each event as one JSON object a line.")] = False,
) -> None:
    """Follow a run until it ends; Ctrl+C ends the watching and leaves the run alone."""
    from napari_medkd import runs
    from napari_medkd.cli import watching
    from napari_medkd.cli.output import say

    handle = runs.attach(runs.find(run))
    try:
        status = watching.watch(handle, json)
    except KeyboardInterrupt:
        say(f"The run goes on. Stop it with: medkd runs stop {run}")
        raise
    watching.conclude(handle, status, json)


@app.command("stop")
def stop(
    run: Run,
    wait: Annotated[
        float,
        typer.Option(
            metavar="SECONDS", min=0, help="How long it may take to save a checkpoint before it is ended."
        ),
    ] = 60.0,
    json: Json = False,
) -> None:
    """Stop a run: it saves a checkpoint, and is ended where that takes too long."""
    from napari_medkd import runs
    from napari_medkd.cli.output import print_json, say
    from napari_medkd.cli.run_report import report
    from napari_medkd.cli.watching import resume_command

    handle = runs.attach(runs.find(run))
    before = handle.status
    status = handle.stop(wait)
    if json:
        print_json(report(handle))
    elif status == "running":
        say(f"The run {handle.id} is on another computer; it was asked to stop.")
    elif before != "running":
        say(f"The run {handle.id} was not running: it has {_word(status)}.")
    elif status == "stopped":
        say(f"The run {handle.id} was stopped. Resume it with: {resume_command(handle)}")
    else:
        say(f"The run {handle.id} has {_word(status)}.")


def _word(status: str) -> str:
    return "been stopped" if status == "stopped" else status
