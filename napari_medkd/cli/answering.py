"""Ask a model through a session, as the viewer does, and write what it answers."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from napari_medkd.cli.info import describe_window
from napari_medkd.cli.output import say_while_waiting
from napari_medkd.cli.prompting import AXES
from napari_medkd.cli.reports import (
    ClickReport,
    EndReport,
    FollowedReport,
    FollowedSlice,
    SegmentReport,
)
from napari_medkd.core.measuring import voxel_size
from napari_medkd.core.prompts import Box
from napari_medkd.errors import InvalidPrompt, StorageError
from napari_medkd.inference import load_segmenter
from napari_medkd.io import write_labels
from napari_medkd.session.session import Session
from napari_medkd.session.worker import SyncWorker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from napari_medkd.core.prompts import Prompt
    from napari_medkd.core.volume import Volume
    from napari_medkd.inference.segmenter import Segmenter
    from napari_medkd.inference.volumetric import Reach

Step = Literal["read", "load", "segment"]


class Clock:
    """Seconds of each step."""

    def __init__(self) -> None:
        self.seconds: dict[Step, float] = {}

    @contextmanager
    def measure(self, step: Step) -> Iterator[None]:
        """Take the time of what is done inside."""
        start = time.perf_counter()
        yield
        self.seconds[step] = round(time.perf_counter() - start, 4)


def load(model: str | None, device: str | None, runtime: str | None) -> Segmenter:
    """Load a model; what is not said comes from the user's settings."""
    return load_segmenter(model or "", device=device, runtime=runtime, progress=say_while_waiting)


def ask(volume: Volume, segmenter: Segmenter, prompt: Prompt) -> Session:
    """Return a session whose proposal is the model's answer; one that is not empty."""
    session = Session(SyncWorker(), journal_folder=None)
    session.open(volume)
    session.set_plane(prompt.plane)
    session.set_segmenter(segmenter)
    session.set_prompt(prompt)
    if session.error is not None:
        raise session.error
    if session.proposal is None or not session.proposal.mask.any():
        raise InvalidPrompt(
            "The model found nothing there; no mask was written.",
            "Try a box around the whole object, another window, or another model.",
        )
    return session


def follow(session: Session, reach: Reach) -> None:
    """Follow the proposal through the volume, in front of whoever waits."""
    session.propagate(reach=reach)
    if session.error is not None:
        raise session.error


def write(session: Session, out: Path, overlay: Path | None, clock: Clock) -> SegmentReport:
    """Commit the proposal, write the mask and the overlay, and say what was done."""
    volume, segmenter, proposal = session.volume, session.segmenter, session.proposal
    assert volume is not None and segmenter is not None and proposal is not None
    followed = describe_followed(session)
    session.commit()
    assert session.labels is not None
    write_labels(out, session.labels, volume, model=segmenter.card.id)
    if overlay is not None:
        draw(volume, proposal.prompt, proposal.mask, overlay)
    prompt, pixels = proposal.prompt, int(proposal.mask.sum())
    rows, columns = volume.geometry.plane_spacing(prompt.plane)
    left, top, right, bottom = map(int, corners(Box.around(proposal.mask)))
    return SegmentReport(
        model=segmenter.card.id,
        runtime=segmenter.runtime_name,
        axis=AXES[prompt.plane.axis],
        slice=prompt.plane.index,
        box=corners(prompt.box) if prompt.box else None,
        points=[ClickReport(x=p.column, y=p.row, positive=p.positive) for p in prompt.points],
        window=describe_window(volume),
        score=proposal.score,
        pixels=pixels,
        area_mm2=pixels * rows * columns if volume.geometry.from_file else None,
        bounds=(left, top, right, bottom),
        volume=followed,
        mask=str(out),
        overlay=str(overlay) if overlay else None,
        seconds=clock.seconds,
    )


def describe_followed(session: Session) -> FollowedReport | None:
    """Say on which slices an object is and why it ends there; None for one that was not followed."""
    volume, proposal = session.volume, session.proposal
    if volume is None or proposal is None or proposal.stack is None:
        return None
    voxels = sum(int(mask.sum()) for _, mask in proposal.masks())
    ends = session.progress.ends
    return FollowedReport(
        slices=[
            FollowedSlice(slice=index, confidence=None if one.is_given else one.score)
            for index, one in sorted(session.sections.items())
        ],
        ends=[EndReport(slice=end.plane.index, why=end.why.value) for end in ends],
        voxels=voxels,
        ml=voxels * voxel_size(volume.geometry) / 1000 if volume.geometry.from_file else None,
    )


def draw(volume: Volume, prompt: Prompt, mask: NDArray[np.bool_], path: Path) -> None:
    """Write a picture of the slice with the mask's contour and the prompts."""
    from napari_medkd.cli.overlay import draw_overlay

    try:
        draw_overlay(volume, prompt, mask).save(path, format="PNG")
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error}.", "Choose another place.") from error


def corners(box: Box) -> tuple[float, float, float, float]:
    """Return x0, y0, x1, y1 of a box."""
    return box.left, box.top, box.right, box.bottom
