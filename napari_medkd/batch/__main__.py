"""The process of a batch: ``python -m napari_medkd.batch RUN`` does what the folder's ``run.json`` says."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from napari_medkd.errors import MedkdError
from napari_medkd.runs import EventWriter, Failed

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Segment; 0 when it is finished or was stopped, 2 with a sentence in the events where it failed."""
    (folder,) = map(Path, arguments or sys.argv[1:])
    with EventWriter(folder) as writer:
        try:
            from napari_medkd.batch.run import run

            run(folder, writer)
        except MedkdError as error:
            writer.write(Failed(message=error.message, hint=error.hint))
            return 2
        except MemoryError:
            writer.write(Failed(message="There is not enough memory.", hint="Use fewer processes."))
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
