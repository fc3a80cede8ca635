"""Runs: work that lasts, done by a child process that writes what happens into a folder anyone can read."""

from napari_medkd.runs.comparison import Comparison
from napari_medkd.runs.events import (
    CheckpointSaved,
    Compared,
    Event,
    Failed,
    Finished,
    ItemDone,
    Metric,
    ModelExported,
    Previewed,
    Progress,
    Stage,
    Started,
    Warning,
)
from napari_medkd.runs.folder import find, home, list_runs, new_folder
from napari_medkd.runs.handle import RunHandle, Status, attach, newest, resume, start, take_on
from napari_medkd.runs.spec import Learning, RunSpec
from napari_medkd.runs.stop import request_stop, stop_requested
from napari_medkd.runs.stream import EventReader, EventWriter

__all__ = [
    "CheckpointSaved",
    "Compared",
    "Comparison",
    "Event",
    "EventReader",
    "EventWriter",
    "Failed",
    "Finished",
    "ItemDone",
    "Learning",
    "Metric",
    "ModelExported",
    "Previewed",
    "Progress",
    "RunHandle",
    "RunSpec",
    "Stage",
    "Started",
    "Status",
    "Warning",
    "attach",
    "find",
    "home",
    "list_runs",
    "new_folder",
    "newest",
    "request_stop",
    "resume",
    "start",
    "stop_requested",
    "take_on",
]
