"""Which files open, which are refused with a sentence, and which crash.

``python -m benchmarks.robustness [FOLDER…] --json OUT`` takes every file below the folders through what
``medkd info`` does, and each folder with DICOM files as a series. ``--segment`` also asks a model for the
object in a box in the middle of each image that opened.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import traceback
from collections import Counter
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from napari_medkd.core.geometry import Plane
from napari_medkd.core.prompts import Box, Prompt
from napari_medkd.errors import MedkdError
from napari_medkd.io import read_volume
from napari_medkd.io.dicom import looks_like_dicom

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from napari_medkd.core.volume import Volume
    from napari_medkd.inference.segmenter import Segmenter

T = TypeVar("T")
_PUBLIC = Path("../shared/data")
_NOT_DATA = {".json", ".md", ".txt"}


@dataclass(frozen=True, slots=True)
class Row:
    """What became of one file or series.

    Parameters
    ----------
    path : str
        Relative to the folder that was given.
    step : str
        ``"info"`` or ``"segment"``.
    outcome : str
        ``"opened"``, ``"refused"`` (with a sentence) or ``"crashed"``.
    detail : str
        What was read, the sentence, or the traceback.
    seconds : float
        How long it took.
    """

    path: str
    step: str
    outcome: str
    detail: str
    seconds: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; 1 where anything crashed."""
    parser = _parser()
    options = parser.parse_args(arguments)
    missing = [str(folder) for folder in options.folders if not folder.is_dir()]
    if missing:
        parser.error(f"there is no folder {', '.join(missing)}")
    segmenter = _load(options.model) if options.segment else None
    rows = [row for folder in options.folders for row in examine(folder, segmenter)]
    counts = {step: dict(Counter(row.outcome for row in rows if row.step == step)) for step in _steps(rows)}
    if options.json:
        report = {"counts": counts, "rows": [asdict(row) for row in rows]}
        options.json.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for row in rows:
        if row.outcome == "crashed":
            sys.stdout.write(f"CRASH {row.step} {row.path}\n{row.detail}\n")
    for step, outcomes in counts.items():
        sys.stdout.write(
            f"{step}: " + ", ".join(f"{n} {what}" for what, n in sorted(outcomes.items())) + "\n"
        )
    return int(any(row.outcome == "crashed" for row in rows))


def examine(folder: Path, segmenter: Segmenter | None = None) -> Iterator[Row]:
    """Yield a row for every file and DICOM folder below `folder`, and one more for each that is segmented."""
    for path in _candidates(folder):
        name = str(path.relative_to(folder)) or "."
        row, volume = _attempt(name, "info", partial(read_volume, path), repr)
        yield row
        if volume is not None and segmenter is not None:
            ask = _central_box(volume, segmenter)
            yield _attempt(name, "segment", ask, lambda pixels: f"{pixels} pixels")[0]


def _attempt(
    name: str, step: str, work: Callable[[], T], describe: Callable[[T], str]
) -> tuple[Row, T | None]:
    start = time.perf_counter()
    try:
        result = work()
    except MedkdError as error:
        return Row(name, step, "refused", str(error), time.perf_counter() - start), None
    except Exception:  # finding these is what this program is for
        return Row(name, step, "crashed", traceback.format_exc(), time.perf_counter() - start), None
    return Row(name, step, "opened", describe(result), time.perf_counter() - start), result


def _candidates(folder: Path) -> Iterator[Path]:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix not in _NOT_DATA)
    yield from files
    yield from sorted({path.parent for path in files if looks_like_dicom(path)})


def _central_box(volume: Volume, segmenter: Segmenter) -> Callable[[], int]:
    plane = Plane(0, volume.shape[0] // 2)
    rows, columns = plane.shape(volume.shape)
    box = Box(rows * 0.25, columns * 0.25, rows * 0.75, columns * 0.75)

    def ask() -> int:
        prompt = Prompt(plane, box=box)
        prompt.check((rows, columns))
        prediction = segmenter.predict(segmenter.embed(volume, plane), prompt)
        return int(prediction.masks[0].sum())

    return ask


def _load(model: str) -> Segmenter:
    from napari_medkd.inference import load_segmenter

    return load_segmenter(model)


def _steps(rows: Sequence[Row]) -> list[str]:
    return sorted({row.step for row in rows})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.robustness", description=__doc__)
    parser.add_argument(
        "folders",
        nargs="*",
        type=Path,
        default=[_PUBLIC / "robustness", _PUBLIC / "dicom"],
        help="folders to go through; the public test files if left out",
    )
    parser.add_argument("--json", type=Path, help="where to write every row")
    parser.add_argument("--segment", action="store_true", help="also segment with a box in the middle")
    parser.add_argument("--model", default="", help="model for --segment; the default model if left out")
    return parser


if __name__ == "__main__":
    sys.exit(main())
