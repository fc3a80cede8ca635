"""``python -m napari_medkd.models.adding PATH``: `ModelStore.add` in a process of its own."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from napari_medkd.models.jobs import report
from napari_medkd.models.store import ModelStore

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Add a model and report its id."""
    parser = argparse.ArgumentParser(prog="python -m napari_medkd.models.adding")
    parser.add_argument("path", type=Path)
    parser.add_argument("--folder", type=Path, help="model folder, instead of the user's own")
    parser.add_argument("--id", default="", help="which model a bare checkpoint is")
    parser.add_argument("--replace", action="store_true")
    chosen = parser.parse_args(arguments)
    store = ModelStore(chosen.folder)
    return report(lambda tell: {"id": store.add(chosen.path, replace=chosen.replace, model_id=chosen.id).id})


if __name__ == "__main__":
    sys.exit(main())
