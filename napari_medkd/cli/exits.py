"""The one place where what went wrong becomes a sentence and an exit code."""

import logging
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

import typer

from napari_medkd import __version__
from napari_medkd.errors import MedkdError

SUCCESS, FAULT, REFUSED, INTERRUPTED = 0, 1, 2, 130
# Newer typer carries its own click and older typer uses the click package; in both this is the root of what
# they raise about a command line.
_COMMAND_LINE_ERROR: type[Any] = typer.BadParameter.__mro__[2]


def exit_code(action: Callable[[], object], arguments: Sequence[str] = ()) -> int:
    """Do `action`; say on standard error what went wrong, and return the exit code.

    0 for success, 2 for a `MedkdError` or a mistake in the command line, 1 for anything unexpected, 130
    where the user interrupted.
    """
    try:
        result = action()
        sys.stdout.flush()
    except MedkdError as error:
        _say(error.message, error.hint)
        return REFUSED
    except _COMMAND_LINE_ERROR as error:
        _say(error.format_message().rstrip(), _help_hint(error))
        return int(error.exit_code)
    except typer.Exit as error:
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        _say("Interrupted.")
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output had enough: `medkd models list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return SUCCESS
    except Exception as error:
        _report_fault(error, "--debug" in arguments)
        return FAULT
    return result if isinstance(result, int) else SUCCESS


def _say(message: str, hint: str = "") -> None:
    sys.stderr.write(f"medkd: {message}\n")
    if hint:
        sys.stderr.write(f"       {hint}\n")


def _help_hint(error: Any) -> str:
    context = getattr(error, "ctx", None)
    return f"See: {context.command_path} --help" if context else ""


def _report_fault(error: Exception, debug: bool) -> None:
    if debug:
        traceback.print_exception(error)
    path = _log_fault(error)
    where = f"Where it happened is in {path}. " if path else ""
    _say(
        f"Something went wrong inside napari-medkd ({type(error).__name__}).",
        f"{where}Run medkd --debug … to see all of it, and report it with that output.",
    )


def _log_fault(error: Exception) -> Path | None:
    """Append where in the code it happened to the log, without messages: those may name files or patients."""
    from napari_medkd import settings

    path = settings.home() / "log" / "medkd.log"
    frames = traceback.extract_tb(error.__traceback__)
    lines = [f"  {_short(frame.filename)}:{frame.lineno} in {frame.name}" for frame in frames]
    text = "\n".join([f"medkd {__version__}: {type(error).__name__}", *lines])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = RotatingFileHandler(path, maxBytes=2**20, backupCount=1, encoding="utf-8")
    except OSError:
        return None
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    handler.emit(logging.makeLogRecord({"msg": text, "levelno": logging.ERROR, "levelname": "ERROR"}))
    handler.close()
    return path


def _short(filename: str) -> str:
    """Name a source file by its package and itself: the rest of its path may name a person."""
    return "/".join(Path(filename).parts[-3:])
