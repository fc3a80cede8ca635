"""A training run: ``python -m src_training FOLDER`` does what the folder's ``run.json`` says."""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from napari_medkd.errors import MedkdError, missing_extra
from napari_medkd.runs import EventWriter, Failed, RunSpec, turn
from napari_medkd.runs.spec import FILE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager


def main(arguments: Sequence[str] | None = None) -> int:
    """Train; 0 when it is finished or was stopped, 2 with a sentence in the events where it failed."""
    (folder,) = map(Path, arguments or sys.argv[1:])
    if not (folder / FILE).is_file():
        sys.stderr.write(f"{folder} is no run: it holds no {FILE}. Start one with medkd train.\n")
        return 2
    with EventWriter(folder) as writer:
        try:
            with _turn(folder) as is_ours:
                if is_ours:
                    from src_training.run import run  # torch: not while others have their turn

                    run(folder, writer)
        except MedkdError as error:
            writer.write(Failed(message=error.message, hint=error.hint))
            return 2
        except OSError as error:
            said = f"The run could not go on: {error.strerror or error}."
            writer.write(Failed(message=said, hint="Free some space on the disk, then resume the run."))
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


def _turn(folder: Path) -> AbstractContextManager[bool]:
    """Wait for the turn of a run that takes turns; any other begins at once."""
    orders = RunSpec.load(folder).learning
    return turn.taken(folder, os.getpid()) if orders is not None and orders.in_turn else nullcontext(True)


if __name__ == "__main__":
    sys.exit(main())
