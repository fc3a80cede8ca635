"""A training run: ``python -m src_training FOLDER`` does what the folder's ``run.json`` says."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from napari_medkd.errors import MedkdError, missing_extra
from napari_medkd.runs import EventWriter, Failed
from napari_medkd.runs.spec import FILE

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Train; 0 when it is finished or was stopped, 2 with a sentence in the events where it failed."""
    (folder,) = map(Path, arguments or sys.argv[1:])
    if not (folder / FILE).is_file():
        sys.stderr.write(f"{folder} is no run: it holds no {FILE}. Start one with medkd train.\n")
        return 2
    with EventWriter(folder) as writer:
        try:
            from src_training.run import run

            run(folder, writer)
        except MedkdError as error:
            writer.write(Failed(message=error.message, hint=error.hint))
            return 2
        except ModuleNotFoundError as error:
            missing = missing_extra(str(error.name), "train", "Training")
            writer.write(Failed(message=missing.message, hint=missing.hint))
            return 2
        except MemoryError:
            writer.write(
                Failed(message="There is not enough memory to train.", hint="Choose a smaller batch size.")
            )
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
