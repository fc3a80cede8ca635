"""Data sets in which cases that were held out for choosing are learnt from.

``python -m benchmarks.more_cases --data DATA --out OUT`` writes each set three times: ``OUT/0`` and
``OUT/1`` move one half of the validation split each to the training split and keep the other half for
validation, ``OUT/all`` moves all of it. The halves of ``--sequences`` are of whole sequences (what stands
before the first ``_`` of a case's name). The test split stays as it is. Pictures and masks are linked where
the file system can, else copied.

So a training can be tried on ``OUT/0`` and on ``OUT/1``, asked about the half that it did not see, and done
again on ``OUT/all`` if that is worth it: then every validation case was asked about once, by somebody who
never saw its sequence, and the test images not at all.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.automatic import SETS
from benchmarks.split_sets import sequence_of, with_splits
from src_training.data import ImageMaskFolder

if TYPE_CHECKING:
    from collections.abc import Sequence

FOLDS = {"0": 0, "1": 1, "all": None}


def moved(folder: Path, half: int | None, out: Path, *, sequences: bool = False) -> Path:
    """Write a set to ``out / folder.name`` with one half of its validation cases, or all, to learn from.

    Cases, or whole sequences, are dealt in turn, in the order of their names.
    """
    splits = {
        name: [case.name for case in ImageMaskFolder(folder, name)] for name in ("train", "val", "test")
    }
    group = {name: sequence_of(name) if sequences else name for name in splits["val"]}
    dealt = sorted(set(group.values()))
    taken = set(dealt if half is None else dealt[half::2])
    learnt = [name for name in splits["val"] if group[name] in taken]
    splits["train"] = sorted([*splits["train"], *learnt])
    splits["val"] = [name for name in splits["val"] if group[name] not in taken]
    return with_splits(folder, splits, out / folder.name)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write all folds of all sets and say how many cases each has."""
    options = _parser().parse_args(arguments)
    for fold, half in FOLDS.items():
        for name in options.sets:
            whole = name in options.sequences
            made = moved(options.data / name, half, options.out / fold, sequences=whole)
            counts = [f"{len(ImageMaskFolder(made, split))} {split}" for split in ("train", "val", "test")]
            sys.stdout.write(f"{fold}/{name}: {', '.join(counts)}\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.more_cases", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument("--sets", nargs="+", default=list(SETS))
    parser.add_argument("--sequences", nargs="*", default=["cvc_clinicdb"], help="sets of frames of videos")
    return parser


if __name__ == "__main__":
    sys.exit(main())
