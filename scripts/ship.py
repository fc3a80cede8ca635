"""Put a trained model among those that the package ships, with its test figures on the card.

``python scripts/ship.py RUN/model --report benchmarks/results/models.json`` copies the package to
``napari_medkd/models/weights/ID`` and says how large all that is shipped has become.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from napari_medkd.models.package import CARD, check_package

if TYPE_CHECKING:
    from napari_medkd.models.card import ModelCard

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = ROOT / "napari_medkd" / "models" / "weights"
LIMIT = 92e6  # bytes of all models together: a wheel stays below the 100 MB that an index takes


def main() -> int:
    """Copy one package; exits with 1 where too much would be shipped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("package", type=Path, help="the folder model/ of a finished run")
    parser.add_argument("--report", type=Path, help="what benchmarks.accuracy or .automatic wrote")
    chosen = parser.parse_args()
    card = check_package(chosen.package)
    place = SHIPPED / card.id
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    for name in card.files:
        shutil.copyfile(chosen.package / name, place / name)
    card = card.model_copy(
        update={"source": f"{card.source}, commit {_commit()}", "metrics": _metrics(card, chosen.report)}
    )
    (place / CARD).write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")
    size = sum(path.stat().st_size for path in SHIPPED.rglob("*") if path.is_file())
    sys.stdout.write(f"{card.id} is shipped; all models together take {size / 1e6:.1f} MB.\n")
    return int(size > LIMIT)


def _metrics(card: ModelCard, report: Path | None) -> dict[str, float]:
    """Return the validation figures of the run, and the means over the test splits where they were asked."""
    figures = dict(card.metrics)
    if report is None:
        return figures
    told = json.loads(report.read_text(encoding="utf-8"))
    if "models" in told:
        means = told["models"][card.id]["means"]
        return figures | {f"test_{name}": value for name, value in means.items() if value is not None}
    sets = {f"test_{name}": one["automatic"]["dice"]["mean"] for name, one in told["sets"].items()}
    return figures | sets | {"test_router": told["means"]["routed"]}


def _commit() -> str:
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
