"""A large volume, in a process of its own: first slice, further slices, slice changes, memory, reopening.

``python -m benchmarks.large_volume MODEL`` makes 512×512×300 voxels with a ball in them, opens them as the
viewer does, with encoded slices kept on disk, boxes the ball, follows it to both ends, commits it, and opens
the volume once more. It prints one JSON object. `benchmarks.volumes --large` calls it for each model.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from benchmarks import measuring
from napari_medkd.core.geometry import Geometry, Plane
from napari_medkd.core.prompts import Box, Prompt
from napari_medkd.core.volume import Volume
from napari_medkd.inference import load_segmenter
from napari_medkd.inference.feature_folder import FeatureFolder
from napari_medkd.session.session import Session
from napari_medkd.session.worker import SyncWorker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_medkd.inference.segmenter import Segmenter

SHAPE = (300, 512, 512)
_CHANGES = 20  # slice changes that are timed
_RADIUS = 0.205  # of the ball, in sides of a slice
_HALF = 0.39  # of the slices that the ball reaches up and down
_MB = 2**20


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure one model and print its figures."""
    options = _parser().parse_args(arguments)
    volume = made_volume()
    with tempfile.TemporaryDirectory() as folder:
        kept = FeatureFolder(Path(folder), 2**32)
        segmenter = load_segmenter(options.model, runtime=options.runtime, kept=kept)
        try:
            figures = measured(segmenter, volume)
            figures["disk_mb"] = round(sum(one.stat().st_size for one in Path(folder).iterdir()) / _MB, 1)
        finally:
            segmenter.close()
    held = volume.data.nbytes / _MB
    figures |= {"shape": volume.shape, "peak_mb": measuring.peak_mb(), "volume_mb": round(held, 1)}
    figures["memory_over_volume_mb"] = round(figures["peak_mb"] - held, 1)
    sys.stdout.write(json.dumps(figures) + "\n")
    return 0


def measured(segmenter: Segmenter, volume: Volume) -> dict[str, Any]:
    """Open, box, follow, commit, change slices, and open again; seconds of each."""
    middle = Plane(0, volume.shape[0] // 2)
    session, first = _opened(segmenter, volume, middle)
    start = time.perf_counter()
    session.propagate()
    taken, slices = time.perf_counter() - start, session.progress.done
    changes = _changes(session, middle)
    start = time.perf_counter()
    session.commit()
    committed = time.perf_counter() - start
    session.close()
    _, again = _opened(segmenter, volume, middle)
    return {
        "first": first,
        "slices": slices,
        "further_slice_s": round(taken / max(slices, 1), 4),
        "slice_change_s": measuring.summary(changes),
        "commit_s": round(committed, 3),
        "again": again,
    }


def _opened(segmenter: Segmenter, volume: Volume, plane: Plane) -> tuple[Session, dict[str, float]]:
    """Open the volume in a new session with nothing in memory; seconds to a slice that answers, to a mask."""
    session = Session(SyncWorker())
    session.set_segmenter(segmenter)
    start = time.perf_counter()
    session.open(volume)
    session.set_plane(plane)
    usable = time.perf_counter() - start
    session.set_prompt(Prompt(plane, box=_around_ball(volume.shape)))
    mask = time.perf_counter() - start
    return session, {"usable_s": round(usable, 3), "mask_s": round(mask, 3)}


def _changes(session: Session, middle: Plane) -> list[float]:
    """Time going back and forth between two slices that were encoded, until their pixels can be drawn."""
    assert session.volume is not None
    planes = [middle, Plane(middle.axis, middle.index + 1)]
    for plane in planes:
        session.set_plane(plane)
    taken = []
    for number in range(_CHANGES):
        plane = planes[number % 2]
        start = time.perf_counter()
        session.set_plane(plane)
        session.volume.slice_seen(plane)
        section = session.sections.get(plane.index)
        assert section is not None
        section.mask.unpack()
        taken.append(time.perf_counter() - start)
    return taken


def made_volume(shape: tuple[int, int, int] = SHAPE) -> Volume:
    """Return a bright ball in noise, 16 bits a voxel, 1.5 × 0.7 × 0.7 mm."""
    rng = np.random.default_rng(0)
    noise = ndimage.gaussian_filter(rng.normal(0, 60, shape[1:]), 2)
    data = np.empty(shape, np.int16)
    rows, columns = np.ogrid[: shape[1], : shape[2]]
    for z in range(shape[0]):
        height = (z - shape[0] // 2) / (_HALF * shape[0])
        radius = _RADIUS * shape[1] * max(0.0, 1 - height**2) ** 0.5
        ball = (rows - shape[1] // 2) ** 2 + (columns - shape[2] // 2) ** 2 < radius**2
        data[z] = np.roll(noise, 3 * z, axis=1) + np.where(ball, 120, -20)
    return Volume.from_array(data, geometry=Geometry.image(shape, (1.5, 0.7, 0.7)), modality="CT")


def _around_ball(shape: tuple[int, int, int]) -> Box:
    """Return the box around the ball on the middle slice."""
    rows, columns = shape[1] // 2, shape[2] // 2
    radius = round(_RADIUS * shape[1])
    return Box(rows - radius, columns - radius, rows + radius, columns + radius)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.large_volume", description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--runtime", choices=["auto", "onnx", "torch"])
    return parser


if __name__ == "__main__":
    sys.exit(main())
