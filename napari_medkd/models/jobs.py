"""Work on models in a process of its own, reported as JSON lines: whatever imports torch.

Importing torch in the viewer's process would freeze its window for most of a second, in whichever thread.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from napari_medkd.errors import MedkdError, ModelUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_medkd.models.card import ModelCard
    from napari_medkd.models.store import ModelStore


def export_in_child(card: ModelCard, store: ModelStore, progress: Callable[[str], None]) -> None:
    """Export a model for ONNX Runtime in a process of its own; its error becomes ours."""
    arguments = [card.id, "--folder", str(store.folder)]
    _run("napari_medkd.models.export", arguments, f"{card.title} could not be prepared", progress)


def add_in_child(
    path: Path,
    store: ModelStore,
    progress: Callable[[str], None],
    *,
    model_id: str = "",
    replace: bool = False,
) -> ModelCard:
    """Do what `ModelStore.add` does, in a process of its own; its error becomes ours."""
    arguments = [str(path), "--folder", str(store.folder)]
    arguments += ["--id", model_id] if model_id else []
    arguments += ["--replace"] if replace else []
    done = _run("napari_medkd.models.adding", arguments, f"{path.name} could not be added", progress)
    return store.get(done["id"])


def report(work: Callable[[Callable[[str], None]], dict[str, Any]]) -> int:
    """Do `work` in the child: a JSON object a line for each step, then ``finished`` or ``failed``.

    `work` gets a function for sentences and returns what ``finished`` carries. Returns the exit code.
    """
    try:
        _tell("finished", **work(lambda text: _tell("progress", text=text)))
    except MedkdError as error:
        _tell("failed", message=error.message, hint=error.hint)
        return 2
    return 0


def _tell(kind: str, **content: Any) -> None:
    sys.stdout.write(json.dumps({"kind": kind, **content}) + "\n")
    sys.stdout.flush()


def _run(module: str, arguments: list[str], failure: str, progress: Callable[[str], None]) -> dict[str, Any]:
    """Run a child to its end and return its last report."""
    last: dict[str, Any] = {}
    with subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    ) as child:
        assert child.stdout is not None
        for line in child.stdout:
            last = json.loads(line) if line.startswith("{") else last
            if last.get("kind") == "progress":
                progress(last["text"])
    if last.get("kind") == "finished":
        return last
    ended = f"{failure}: its process ended with code {child.returncode}."
    raise ModelUnavailable(
        last.get("message", ended), last.get("hint", "Try again, or choose another model.")
    )
