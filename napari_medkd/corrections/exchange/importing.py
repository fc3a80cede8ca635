"""Taking folders of annotated images as corrections: what a group annotated before is there to learn from."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_medkd.core.prompts import Prompt
from napari_medkd.corrections.arrays import digest_of
from napari_medkd.corrections.exchange.forms import form_named, form_of
from napari_medkd.corrections.exchange.sample import ImportOptions
from napari_medkd.corrections.query import Query
from napari_medkd.corrections.record import Correction
from napari_medkd.errors import InvalidSetting, MedkdError, StorageError, UnreadableFile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_medkd.core.volume import Volume
    from napari_medkd.corrections.exchange.sample import Annotated, Sample
    from napari_medkd.corrections.store import CorrectionStore

_DEFAULT = ImportOptions()


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import brought.

    Parameters
    ----------
    added, known : int
        Corrections that are new, and those that were there already.
    images : int
        Images that were read.
    problems : tuple of str
        What was left out, and why.
    """

    added: int
    known: int
    images: int
    problems: tuple[str, ...]


def import_folder(
    store: CorrectionStore,
    folder: Path,
    form: str = "",
    options: ImportOptions = _DEFAULT,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Imported:
    """Add the objects of a folder of annotated images; doing it again adds nothing.

    A file that cannot be read is left out and told of. File names are not kept: a case is the pseudonym that
    the store gives its file's name, unless the options ask for the names themselves or the folder, an export
    of ours, has pseudonyms of its own.

    Parameters
    ----------
    store : CorrectionStore
        Where to.
    folder : Path
        The folder.
    form : str
        ``nnunet``, ``coco`` or ``folder``; empty tells by what is in it.
    options : ImportOptions
        Names of classes and cases, what one object is.
    progress : callable
        Told how many images of how many are done.
    """
    if not folder.is_dir():
        raise UnreadableFile(f'There is no folder "{folder}".', "Check the path.")
    known_form = form_named(form) if form else form_of(folder)
    case_of = _cases(store, options)
    samples = list(known_form.read(folder, options))
    if not samples:
        raise UnreadableFile(
            f"{folder.name} has no image with a mask, as {known_form.title}.", "Check that their names match."
        )
    problems: list[str] = []
    added = known = images = 0
    for done, sample in enumerate(samples, start=1):
        try:
            new, old = _add(store, sample, sample.case or case_of(sample.name), options)
        except StorageError:
            raise
        except MedkdError as error:
            problems.append(f"{sample.name}: {error.message}")
        else:
            added, known, images = added + new, known + old, images + 1
        progress(done, len(samples))
    return Imported(added, known, images, tuple(problems))


def _add(store: CorrectionStore, sample: Sample, case: str, options: ImportOptions) -> tuple[int, int]:
    """Add the objects of one image; returns how many were new and how many were known."""
    volume, found = sample.load()
    if options.modality:
        volume = replace(volume, modality=options.modality)
    theirs = Query(cases=(case,), origins=("import",), everything=True)
    before = {record.id for record in store.records(theirs)} if found else set()
    given = [_correction(volume, one, case) for one in found]
    new = [one for one in given if one.about.id not in before]
    for one in new:
        store.add(one, sample.part)
    return len(new), len(given) - len(new)


def _correction(volume: Volume, one: Annotated, case: str) -> Correction:
    """Make a correction whose id follows from what it is, so that it is known when it comes again."""
    mask = np.ascontiguousarray(one.mask, np.bool_)
    name = f"{case}/{volume.content_id}/{one.plane.axis}/{one.plane.index}/{one.label}/{digest_of(mask)}"
    number = hashlib.blake2b(name.encode(), digest_size=12).hexdigest()
    return Correction.of(
        volume,
        Prompt(one.plane),
        mask,
        label=one.label,
        case=case,
        id=f"import-{number}",
        origin="import",
    )


def _cases(store: CorrectionStore, options: ImportOptions) -> Callable[[str], str]:
    """Return what gives the case of a file by its name."""
    try:
        pattern = re.compile(options.case_pattern)
    except re.error as error:
        raise InvalidSetting(
            f"{options.case_pattern!r} is no regular expression: {error}.",
            'Give one as in "^(patient[0-9]+)_".',
        ) from error
    if options.case_pattern and not pattern.groups:
        raise InvalidSetting(
            f"{options.case_pattern!r} has no group, so it names no case.",
            'Give one as in "^(patient[0-9]+)_".',
        )

    def case_of(name: str) -> str:
        found = pattern.search(name) if options.case_pattern else None
        case = (found.group(1) or name) if found else name
        return case[:200] if options.keep_names else store.pseudonym(case)

    return case_of
