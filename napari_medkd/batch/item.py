"""One image from its file to its mask: what every worker does, wherever it runs."""

from __future__ import annotations

import errno
import time
import traceback
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

from napari_medkd.batch import answer, measures, outputs, picture
from napari_medkd.batch.ledger import FOLDER
from napari_medkd.batch.row import Row
from napari_medkd.core.measuring import unit_of
from napari_medkd.core.window import Window
from napari_medkd.errors import MedkdError, StorageError, UnreadableFile
from napari_medkd.io import open_volume, read_series

if TYPE_CHECKING:
    from napari_medkd.batch.answer import Answer
    from napari_medkd.batch.config import BatchConfig
    from napari_medkd.batch.plan import Item
    from napari_medkd.core.volume import Volume
    from napari_medkd.inference.segmenter import Segmenter

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}
_THUMBNAIL, _OVERLAY = 256, 1024  # pixels of the longer side
OVERLAYS = "overlays"


@dataclass(frozen=True, slots=True)
class Job:
    """What is the same for every image of a run.

    Parameters
    ----------
    config : BatchConfig
        What was asked for.
    run : str
        Id of the run.
    threads : int
        CPU threads of the model in one worker; 0 takes one per core.
    """

    config: BatchConfig
    run: str
    threads: int = 0


class TargetFull(StorageError):
    """No mask can be written any more: the disk of the masks is full, or may not be written to."""


def segment_item(item: Item, job: Job, segmenter: Segmenter) -> Row:
    """Read an image, segment it, and write its mask; whatever goes wrong with it is a row, too.

    Raises
    ------
    TargetFull
        Where no other image could be written either.
    """
    start = time.perf_counter()
    row = Row(
        name=item.name,
        key=item.key,
        run=job.run,
        status="failed",
        output=item.output,
        model=segmenter.card.id,
    )
    try:
        done = _segment(item, job, segmenter, row)
    except MedkdError as error:
        if _is_full(error):
            raise TargetFull(error.message, "Free some space, then give the same command again.") from error
        done = row.model_copy(update={"reason": error.message, "hint": error.hint})
    except MemoryError:
        done = row.model_copy(
            update={
                "reason": "There is not enough memory for it.",
                "hint": "Use fewer processes (--workers 1).",
            }
        )
    except Exception as error:  # one image must not stop the others; where it happened names no patient
        done = row.model_copy(update={"reason": _fault(error), "hint": "Please report it, with this line."})
    return done.model_copy(update={"seconds": round(time.perf_counter() - start, 4)})


def _segment(item: Item, job: Job, segmenter: Segmenter, row: Row) -> Row:
    config, start = job.config, time.perf_counter()
    volume = _read(item, config)
    read_seconds = round(time.perf_counter() - start, 4)
    axis = "zyx".index(config.axis)
    if item.boxes:
        found = answer.with_boxes(volume, segmenter, item.boxes, axis, config.tile)
    else:
        found = answer.by_itself(volume, segmenter, config)
    target = Path(config.target)
    output = outputs.choose(config.format, item.suffix)
    output.write(
        target / item.output,
        found.labels,
        volume,
        found.names,
        model=segmenter.card.id,
        automatic=not item.boxes,
    )
    pictures = _pictures(item, config, volume, found)
    geometry = volume.geometry
    return row.model_copy(
        update={
            "status": "done",
            "modality": _medical(found.modality or volume.modality),
            "shape": volume.shape,
            "unit": unit_of(geometry),
            "confidence": found.confidence,
            "classes": measures.classes(found.labels, found.names, geometry),
            "measures": measures.measure(found.labels, found.names, geometry) if config.measure else (),
            "notes": (*volume.notes, *found.notes),
            "read_seconds": read_seconds,
            **pictures,
        }
    )


def _read(item: Item, config: BatchConfig) -> Volume:
    paths = [Path(file) for file in item.files]
    volume = open_volume(paths[0]) if len(paths) == 1 else read_series(paths)
    if 0 in volume.shape:
        raise UnreadableFile("The image has no pixels.", "Export it again.")
    if config.window is not None:
        volume = volume.with_window(Window(*config.window, "Chosen"))
    return replace(volume, source=paths[0])


def _pictures(item: Item, config: BatchConfig, volume: Volume, found: Answer) -> dict[str, str]:
    """Draw the thumbnail of the report and, where it was asked for, the overlay; return where they are."""
    plane = picture.most_of(found.labels, "zyx".index(config.axis))
    mark = blake2b(item.name.encode(), digest_size=8).hexdigest()
    places = {"thumbnail": f"{FOLDER}/{mark}.jpg"}
    picture.save(
        picture.draw(volume, found.labels, plane, _THUMBNAIL), Path(config.target) / places["thumbnail"]
    )
    if config.overlay:
        places["overlay"] = f"{OVERLAYS}/{item.output}.jpg"
        picture.save(
            picture.draw(volume, found.labels, plane, _OVERLAY), Path(config.target) / places["overlay"]
        )
    return places


def _medical(modality: str) -> str:
    """Return the modality of a file that says one; of a picture only its colours are known."""
    return "" if modality in ("GRAY", "RGB") else modality


def _is_full(error: MedkdError) -> bool:
    cause = error.__cause__
    return isinstance(error, StorageError) and isinstance(cause, OSError) and cause.errno in _FULL


def _fault(error: Exception) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = "/".join(Path(frame.filename).parts[-3:])
    return f"Something went wrong inside the program: {type(error).__name__} at {place}:{frame.lineno}."
