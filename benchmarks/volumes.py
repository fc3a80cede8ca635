"""Objects through volumes by one box: how good, how fast, how much memory; and what encodings cost on disk.

``python -m benchmarks.volumes --data DIR --json OUT`` asks each model for the object of each label volume, as
``medkd evaluate --volume`` does: ours by its own rule, LiteMedSAM by its authors' (the last mask's box and 3
pixels). With ``--keep`` the figures of other runs stay in OUT, so that it can be filled by several calls.
``--large`` follows a ball through 512×512×300 made voxels instead, and weighs encodings on disk.
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
import psutil
from scipy import ndimage

from benchmarks import measuring
from napari_medkd.core.geometry import Geometry, Plane
from napari_medkd.core.prompts import Box, Prompt
from napari_medkd.core.volume import Volume
from napari_medkd.inference import load_segmenter
from napari_medkd.session.session import Session
from napari_medkd.session.worker import SyncWorker
from src_training.data import ImageMaskFolder
from src_training.evaluation.volumes import evaluate_volumes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_medkd.inference.segmenter import Segmenter
    from src_training.evaluation.volumes import Rule

# Sets of which the whole mask is one object; of the others each value is one.
SETS = {"msd_hippocampus": True, "chaos_ct": False, "sct_spinalcord": False, "itksnap_caudate": False}
OWN_RULES: dict[str, Rule] = {"litemedsam": "previous-box"}
LARGE = (300, 512, 512)
_MB = 2**20
Figures = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and write its report."""
    options = _parser().parse_args(arguments)
    report: Figures = {}
    if options.keep and options.json.exists():
        report = json.loads(options.json.read_text(encoding="utf-8"))
    report.setdefault("sets", {})
    for model in options.models:
        segmenter = load_segmenter(model, runtime=options.runtime)
        try:
            if options.large:
                report.setdefault("large", {})[model] = large(segmenter)
            else:
                _measure(segmenter, model, options, report)
        finally:
            segmenter.close()
        _write(report, options.json)
    return 0


def _measure(segmenter: Segmenter, model: str, options: argparse.Namespace, report: Figures) -> None:
    rule = options.rule or OWN_RULES.get(model, "motion")
    for name in options.sets or SETS:
        whole = "whole" if SETS.get(name) else None
        folder = ImageMaskFolder(options.data / name, options.split, objects=whole)  # type: ignore[arg-type]
        found = evaluate_volumes(segmenter, [folder], rule, options.ranged, options.axis, options.limit)
        key = " ".join([model, rule, "ranged" if options.ranged else "free", f"axis {options.axis}"])
        rows = [json.loads(row.model_dump_json()) for row in found.rows]
        means = found.means[name]
        report["sets"].setdefault(name, {})[key] = {"means": means, "rows": rows, "runtime": found.runtime}
        _write(report, options.json)  # each set takes minutes: what was measured is not lost
        sys.stdout.write(f"{name}, {key}: {_sentence(means)}\n")
        sys.stdout.flush()


def _write(report: Figures, path: Path) -> None:
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def _sentence(means: dict[str, float | None]) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in means.items() if value is not None)


def large(segmenter: Segmenter) -> Figures:
    """Follow a ball through a large volume: first slice, further slices, memory; and encodings on disk."""
    volume = made_volume()
    session = Session(SyncWorker())
    before = _memory()
    session.set_segmenter(segmenter)
    session.open(volume)
    middle = Plane(0, LARGE[0] // 2)
    session.set_plane(middle)
    start = time.perf_counter()
    session.set_prompt(Prompt(middle, box=Box(150, 150, 360, 360)))
    first = time.perf_counter() - start
    peaks: list[float] = []
    session.propagation_changed.connect(lambda progress: peaks.append(_memory()))
    start = time.perf_counter()
    session.propagate()
    taken = time.perf_counter() - start
    slices = session.progress.done
    start = time.perf_counter()
    session.commit()
    committed = time.perf_counter() - start
    return {
        "shape": LARGE,
        "first_answer_s": round(first, 3),
        "slices": slices,
        "further_slice_s": round(taken / max(slices, 1), 4),
        "commit_s": round(committed, 3),
        "memory_over_volume_mb": round(max(peaks, default=_memory()) - before, 1),
        "encoding": encoding(segmenter, volume),
    }


def encoding(segmenter: Segmenter, volume: Volume, repeats: int = 15) -> Figures:
    """Compare encoding a slice with reading its encoding from a file."""
    plane = Plane(0, volume.shape[0] // 2)
    embedding = segmenter.embed(volume, plane)
    parts = embedding.features if isinstance(embedding.features, tuple) else (embedding.features,)
    arrays = {str(number): np.asarray(part, np.float16) for number, part in enumerate(parts)}
    encoded = measuring.seconds_of(lambda: segmenter.embed(volume, plane), repeats)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "slice.npz"
        written = measuring.seconds_of(lambda: np.savez(path, **arrays), repeats)  # type: ignore[arg-type]
        read = measuring.seconds_of(lambda: _read(path), repeats)
        size = path.stat().st_size
    return {
        "encode_s": measuring.summary(encoded),
        "write_s": measuring.summary(written),
        "read_s": measuring.summary(read),
        "mb_a_slice": round(size / _MB, 3),
    }


def _read(path: Path) -> list[NDArray[np.float32]]:
    with np.load(path) as stored:
        return [stored[name].astype(np.float32) for name in stored.files]


def made_volume() -> Volume:
    """Return a bright ball in noise, 512×512×300 voxels of 16 bits, 1.5 × 0.7 × 0.7 mm."""
    rng = np.random.default_rng(0)
    noise = ndimage.gaussian_filter(rng.normal(0, 60, LARGE[1:]), 2)
    data = np.empty(LARGE, np.int16)
    rows, columns = np.ogrid[: LARGE[1], : LARGE[2]]
    for z in range(LARGE[0]):
        radius = max(0.0, 105**2 - ((z - LARGE[0] / 2) * 0.9) ** 2) ** 0.5
        ball = (rows - 255) ** 2 + (columns - 255) ** 2 < radius**2
        data[z] = np.roll(noise, 3 * z, axis=1) + np.where(ball, 120, -20)
    return Volume.from_array(data, geometry=Geometry.image(LARGE, (1.5, 0.7, 0.7)), modality="CT")


def _memory() -> float:
    return float(psutil.Process().memory_info().rss) / _MB


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.volumes", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of the data sets")
    parser.add_argument("--models", nargs="+", default=["medkd-fast", "litemedsam"])
    parser.add_argument("--sets", nargs="+", choices=sorted(SETS))
    parser.add_argument("--split", default="test")
    parser.add_argument("--rule", choices=["motion", "previous-box"], help="in place of each model's own")
    parser.add_argument("--ranged", action="store_true", help="give the first and last slice, too")
    parser.add_argument("--axis", type=int, choices=[0, 1, 2], help="in place of the acquired one")
    parser.add_argument("--limit", type=int, help="only the first volumes of each set")
    parser.add_argument("--large", action="store_true", help="512×512×300 made voxels instead")
    parser.add_argument("--runtime", choices=["auto", "onnx", "torch"])
    parser.add_argument("--keep", action="store_true", help="keep what OUT holds of other runs")
    parser.add_argument("--json", type=Path, required=True, help="where the figures go")
    return parser


if __name__ == "__main__":
    sys.exit(main())
