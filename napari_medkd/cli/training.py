"""Commands that train, on a terminal: the run is followed to its end, or left to itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from napari_medkd.runs import RunHandle

_INTERRUPTED = 130
_SAVE_SECONDS = 300.0


def need_torch() -> None:
    """Say what to install where torch is not there, before anything is started."""
    from importlib.util import find_spec

    from napari_medkd.errors import missing_extra

    if find_spec("torch") is None:
        raise missing_extra("torch", "train", "Training")


def follow(handle: RunHandle, json: bool) -> None:
    """Show the run until it ends; Ctrl+C asks it to stop, a second one ends it at once."""
    from napari_medkd.cli import watching

    if watching.follow(handle, "Stopping: the run saves a checkpoint first.", _SAVE_SECONDS, json):
        raise typer.Exit(_INTERRUPTED)


def print_run(handle: RunHandle, json: bool, detached: bool) -> None:
    """Print how a run stands, or how to follow one that was left to itself."""
    from napari_medkd.cli.output import print_facts, print_json
    from napari_medkd.cli.run_report import report

    if json:
        print_json(report(handle))
    elif detached:
        print_facts(
            {
                "Run": handle.id,
                "Folder": str(handle.folder),
                "Follow it": f"medkd runs watch {handle.folder}",
                "Stop it": f"medkd runs stop {handle.folder}",
            }
        )
