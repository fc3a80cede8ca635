"""A run followed by its events: a bar in a terminal, lines in a log, JSON for a program."""

from __future__ import annotations

import shlex
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn
from rich.progress import Progress as Bars

from napari_medkd import runs
from napari_medkd.cli.output import print_facts, say
from napari_medkd.errors import RunFailed
from napari_medkd.runs import events
from napari_medkd.runs.wording import figures, left, spoken

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LOOK_SECONDS = 0.2
_QUIET_SECONDS = 10.0
_LOG_LINES = 5
_STARTING = "starting"


class Display(Protocol):
    """Shows one event after the other."""

    def __call__(self, event: events.Event) -> None:
        """Show `event`."""


def watch(handle: runs.RunHandle, json: bool = False) -> runs.Status:
    """Show the events of a run from its first until it is not running any more; returns how it stands."""
    with display(json) as show:
        while True:
            status = handle.status  # before the events, so that the last of them are not missed
            for event in handle.poll():
                show(event)
            if status != "running":
                return status
            time.sleep(_LOOK_SECONDS)


@contextmanager
def display(json: bool) -> Iterator[Display]:
    """Choose how events are shown: JSON lines on standard output, else a bar or lines on standard error."""
    console = Console(stderr=True)
    if json:
        yield _print_line
    elif console.is_terminal:
        columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), "{task.fields[note]}")
        texts = [TextColumn(column) if isinstance(column, str) else column for column in columns]
        with Bars(*texts, console=console) as bars:
            yield Terminal(bars)
    else:
        yield Lines(say)


class Terminal:
    """A bar for each stage, with the time left and the newest figures beside it."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}
        self._values: dict[str, dict[str, float]] = {}

    def __call__(self, event: events.Event) -> None:
        """Show one event."""
        if isinstance(event, events.Started):
            for task in self._tasks.values():
                self._bars.remove_task(task)
            self._tasks, self._values = {}, {}
            self._task(_STARTING)  # libraries, images and a teacher are loaded: the first minute
        elif isinstance(event, events.Stage):
            self._task(event.name, f"{event.name} ({event.index + 1}/{event.count})", event.steps)
        elif isinstance(event, events.Metric):
            self._values[event.stage] = self._values.get(event.stage, {}) | event.values
        elif isinstance(event, events.Progress):
            task, values = self._task(event.stage), self._values.get(event.stage, {})
            note = "  ".join(filter(None, (left(event.seconds_left), figures(values))))
            self._bars.update(task, completed=event.step, total=event.total or None, note=note)
        elif sentence := spoken(event):
            self._bars.console.print(sentence, markup=False, highlight=False)

    def _task(self, stage: str, title: str = "", steps: int = 0) -> TaskID:
        if stage not in self._tasks:
            if _STARTING in self._tasks:
                self._bars.remove_task(self._tasks.pop(_STARTING))
            self._tasks[stage] = self._bars.add_task(title or stage, total=steps or None, note="")
        return self._tasks[stage]


class Lines:
    """A line for what matters, for a log: progress and figures at most every ten seconds of the run."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._last = 0.0
        self._values: dict[str, dict[str, float]] = {}

    def __call__(self, event: events.Event) -> None:
        """Write one event, or nothing."""
        if isinstance(event, events.Stage):
            steps = f", {event.steps} steps" if event.steps else ""
            self._write(f"Stage {event.index + 1} of {event.count}: {event.name}{steps}")
        elif isinstance(event, events.Metric):
            self._values[event.stage] = self._values.get(event.stage, {}) | event.values
        elif isinstance(event, events.Progress):
            if event.t - self._last >= _QUIET_SECONDS or event.step == event.total:
                self._last = event.t
                total = f"/{event.total}" if event.total else ""
                words = (
                    f"{event.stage} {event.step}{total}",
                    left(event.seconds_left),
                    figures(self._values.get(event.stage, {})),
                )
                self._write("  ".join(filter(None, words)))
        elif sentence := spoken(event):
            self._write(sentence)


def follow(handle: runs.RunHandle, stopping: str, patience: float, json: bool) -> bool:
    """Show the run until it ends, and how it ended; tells whether Ctrl+C stopped it.

    Ctrl+C says `stopping` and waits `patience` seconds for the end; a second one ends the run at once.
    """
    interrupted = False
    try:
        say(f"Run {handle.id} in {handle.folder}")
        status = watch(handle)
    except KeyboardInterrupt:
        interrupted = True
        say(f"{stopping} Ctrl+C again ends it at once.")
        try:
            status = handle.stop(wait=patience)
        except KeyboardInterrupt:
            status = handle.stop(wait=0)
    conclude(handle, status, json)
    return interrupted and status == "stopped"


def conclude(handle: runs.RunHandle, status: runs.Status, json: bool) -> None:
    """Say how a run ended.

    Raises
    ------
    RunFailed
        Where it failed or crashed: the run's own sentence, or the end of its log.
    """
    from napari_medkd.cli.run_report import report

    found = report(handle)
    if status == "failed":
        hint = next((e.hint for e in events_of(handle) if isinstance(e, events.Failed)), "")
        raise RunFailed(found.message, f"{hint} Then: {resume_command(handle)}".strip())
    if status == "crashed":
        said = "\n".join(("", *handle.log_tail(_LOG_LINES).splitlines(), f"Resume: {resume_command(handle)}"))
        raise RunFailed(
            f"The process of the run {found.id} is gone without a word.",
            f"The end of {handle.folder / 'log.txt'}:" + said.replace("\n", "\n       "),
        )
    if status == "stopped":
        say(f"The run {found.id} was stopped. Resume it with: {resume_command(handle)}")
    elif status == "finished" and not json:
        facts = {"Run": found.folder, "Model": found.model, "Result": figures(found.summary)}
        print_facts({label: value for label, value in facts.items() if value})


def events_of(handle: runs.RunHandle) -> Iterator[events.Event]:
    """Return the last events of a run, the newest first."""
    from napari_medkd.runs.stream import newest_first

    return newest_first(handle.folder)


def resume_command(handle: runs.RunHandle) -> str:
    """Return the command that resumes a run."""
    place = handle.id if handle.folder.parent == runs.home() else shlex.quote(str(handle.folder))
    if handle.spec.recipe == "batch":
        return f"medkd batch --resume {place}"
    return f"medkd train --resume --out {place}"


def _print_line(event: events.Event) -> None:
    sys.stdout.write(event.model_dump_json() + "\n")
    sys.stdout.flush()
