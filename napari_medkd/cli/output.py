"""How results are printed: facts and tables for people, JSON for programs, progress on standard error."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from napari_medkd.cli.reports import Report

_PIPED_WIDTH = 240


def print_json(report: Report) -> None:
    """Print a report as one JSON object."""
    sys.stdout.write(report.model_dump_json(indent=2) + "\n")


def print_facts(facts: Mapping[str, str]) -> None:
    """Print labels and what they say, aligned."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for label, value in facts.items():
        table.add_row(Text(label), Text(value))
    _console().print(table)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table with a heading."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, no_wrap=number == 0, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    _console().print(table)


def _console() -> Console:
    """Return standard output; what is piped elsewhere is not folded to the width of a screen."""
    return Console() if sys.stdout.isatty() else Console(width=_PIPED_WIDTH)


def say(sentence: str) -> None:
    """Tell the user something beside the result."""
    Console(stderr=True, soft_wrap=True).print(Text(sentence))


def say_while_waiting(sentence: str) -> None:
    """Tell whoever watches a terminal what takes its time; scripts are spared."""
    if sys.stderr.isatty():
        say(sentence)


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on standard error while a terminal is there; yields ``update(done, total)`` in bytes."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(title, total=None)

        def update(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total or None)

        yield update


@contextmanager
def progress_count(title: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on standard error while a terminal is there; yields ``update(done, total)`` in pieces."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(title, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
