"""Writing corrections as a folder that other tools read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_medkd.corrections.exchange.forms import form_named
from napari_medkd.corrections.planes import planes
from napari_medkd.corrections.query import EVERY
from napari_medkd.errors import StorageError, UnreadableFile

if TYPE_CHECKING:
    from pathlib import Path

    from napari_medkd.corrections.query import Query
    from napari_medkd.corrections.store import CorrectionStore


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export wrote.

    Parameters
    ----------
    images : int
        Slices.
    classes : dict
        Name of each class → its value.
    problems : tuple of str
        What was left out, and why.
    """

    images: int
    classes: dict[str, int]
    problems: tuple[str, ...]


def export(store: CorrectionStore, form: str, folder: Path, query: Query = EVERY) -> Exported:
    """Write the corrections of a query into a new folder.

    Nothing in it names a patient, a file or an annotator; cases have their pseudonyms.

    Parameters
    ----------
    store : CorrectionStore
        Where they are.
    form : str
        ``nnunet``, ``coco`` or ``folder``.
    folder : Path
        New or empty.
    query : Query
        Which.
    """
    known = form_named(form)
    classes = {found.label: value for value, found in enumerate(store.by_class(query), start=1)}
    if not classes:
        raise UnreadableFile(
            "There is no correction to export.",
            "Collect some, or ask for others; see medkd corrections list.",
        )
    problems: list[str] = []
    try:
        images = known.write(folder, planes(store, query, problems.append), classes)
    except OSError as error:
        raise StorageError(
            f'The export could not be written to "{folder}": {error.strerror or error}.',
            "Free some space or choose another folder; what is there is not complete.",
        ) from error
    return Exported(images, classes, tuple(problems))
