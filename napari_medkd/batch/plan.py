"""Which images there are, what their masks are called, and which of them are left to do."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from napari_medkd.batch import outputs
from napari_medkd.batch.row import Row
from napari_medkd.batch.scan import scan
from napari_medkd.errors import InvalidPrompt, InvalidSetting, StorageError, UnreadableFile

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from napari_medkd.batch.boxes import BoxRow
    from napari_medkd.batch.config import BatchConfig
    from napari_medkd.batch.ledger import Entry
    from napari_medkd.batch.scan import Found, Source

_NAMED = 3  # examples in a message


@dataclass(frozen=True, slots=True)
class Item:
    """One image to segment; it travels to whichever process does it.

    Parameters
    ----------
    index : int
        Its number in the plan.
    name : str
        Its path below the folder of images.
    files : tuple of str
        Where it is; several files are a DICOM series.
    output : str
        Its mask, relative to the folder of masks.
    suffix : str
        The ending that the image is known by.
    boxes : tuple of BoxRow
        What it is asked for; empty lets the model find things by itself.
    key : str
        Digest of all that decides its mask.
    """

    index: int
    name: str
    files: tuple[str, ...]
    output: str
    suffix: str
    boxes: tuple[BoxRow, ...]
    key: str


@dataclass(slots=True)
class Plan:
    """All images of a folder.

    Parameters
    ----------
    items : list of Item
        What can be segmented.
    skipped : list of Row
        What cannot, and why.
    remarks : list of (str, str)
        Sentences for the user, with what to do.
    """

    items: list[Item]
    skipped: list[Row]
    remarks: list[tuple[str, str]]


def make_plan(
    config: BatchConfig,
    plan_id: str,
    run: str,
    boxes: Mapping[str, Sequence[BoxRow]] | None,
    tell: Callable[[int], None] = lambda count: None,
) -> Plan:
    """Look through the folder of images.

    Parameters
    ----------
    config : BatchConfig
        What was asked for.
    plan_id : str
        Digest of model and settings.
    run : str
        Id of the run.
    boxes : mapping or None
        Boxes by image, where the model is given any; images without a box are skipped then.
    tell : callable
        Called with the number of images as it grows.

    Raises
    ------
    UnreadableFile, InvalidPrompt, InvalidSetting
        There is no image, no box belongs to one, or a mask would replace one.
    """
    found = scan(Path(config.source), config.pattern, Path(config.target), tell)
    if not found.sources and not found.no_images:
        raise _nothing(config, found)
    skipped = [_row(name, run, f"It is not an image but {kind}.", "") for name, kind in found.no_images]
    asked, unknown = ({}, []) if boxes is None else _assign(boxes, found.sources)
    if boxes is not None and not asked:
        raise InvalidPrompt(
            f"No box of the table belongs to an image: {_examples(unknown)}.",
            "The column image must hold the path below the folder, or the name of the file.",
        )
    chosen = found.sources if boxes is None else [one for one in found.sources if one.name in asked]
    remarks = _remarks(chosen, found.ignored, config.format)
    if unknown:
        missing = _count(len(unknown), "image")
        remarks.append((f"{missing} of the table cannot be found in the folder: {_examples(unknown)}.", ""))
    items: list[Item] = []
    names = _outputs(found.sources, config)
    _check_apart(names, found.sources, Path(config.target))
    for source, output in zip(found.sources, names, strict=True):
        if boxes is not None and source.name not in asked:
            skipped.append(_row(source.name, run, "The table has no box for it.", ""))
            continue
        items.append(_item(len(items), source, output, tuple(asked.get(source.name, ())), plan_id))
    return Plan(items, skipped, remarks)


def left_to_do(
    plan: Plan, entries: Mapping[str, Entry], config: BatchConfig, run: str
) -> tuple[list[Item], list[Row]]:
    """Return the items whose masks are not there yet, and rows for masks of others that are left alone.

    Raises
    ------
    StorageError
        Where masks exist that this plan did not make, and nobody said what to do about them.
    """
    todo: list[Item] = []
    left: list[Row] = []
    foreign: list[str] = []
    for item in plan.items:
        entry, there = entries.get(item.name), (Path(config.target) / item.output).exists()
        ours = entry is not None and entry.key == item.key and entry.output == item.output
        if config.existing == "overwrite":
            ours = ours and entry is not None and entry.run == run
        if there and ours and entry is not None and entry.status == "done":
            continue
        if not there or ours or config.existing == "overwrite":
            todo.append(item)
        elif config.existing == "skip":
            left.append(_row(item.name, run, "A mask of another origin is there.", "", item.output))
        else:
            foreign.append(item.output)
    if foreign:
        raise StorageError(
            f"The folder holds {_count(len(foreign), 'mask')} not made with this model and these settings: "
            f"{_examples(foreign)}.",
            "Choose another folder for the masks, or say that those are replaced (--overwrite) or left alone "
            "(--skip); in the Batch tab, under Options.",
        )
    return todo, left


def _item(index: int, source: Source, output: str, boxes: tuple[BoxRow, ...], plan_id: str) -> Item:
    content = json.dumps([plan_id, source.name, source.fingerprint, output, [repr(box) for box in boxes]])
    return Item(
        index,
        source.name,
        tuple(str(path.absolute()) for path in source.files),
        output,
        source.suffix,
        boxes,
        sha256(content.encode()).hexdigest(),
    )


def _outputs(sources: Sequence[Source], config: BatchConfig) -> list[str]:
    """Return what the masks are called; images of one name but for the ending keep the ending."""
    suffixes = [outputs.choose(config.format, source.suffix).suffix for source in sources]
    short = [source.stem + suffix for source, suffix in zip(sources, suffixes, strict=True)]
    times = Counter(name.lower() for name in short)  # some disks do not tell A from a
    return [
        name if times[name.lower()] == 1 else source.name + suffix
        for source, suffix, name in zip(sources, suffixes, short, strict=True)
    ]


def _check_apart(names: Sequence[str], sources: Sequence[Source], target: Path) -> None:
    """Raise `InvalidSetting` where a mask would take the place of an image."""
    files = {str(path.resolve()) for source in sources for path in source.files}
    folder = target.resolve()
    struck = [name for name in names if str(folder / name) in files]
    if struck:
        raise InvalidSetting(
            f"Masks would take the place of images: {_examples(struck)}.",
            "Choose a folder for the masks in which no image lies.",
        )


def _assign(
    boxes: Mapping[str, Sequence[BoxRow]], sources: Sequence[Source]
) -> tuple[dict[str, list[BoxRow]], list[str]]:
    """Return the boxes by name of an image, and what names no image: by path, else by a file's own name."""
    names = {source.name for source in sources}
    short: dict[str, list[str]] = {}
    for source in sources:
        short.setdefault(source.name.rpartition("/")[2], []).append(source.name)
    assigned: dict[str, list[BoxRow]] = {}
    unknown = []
    for image, ones in boxes.items():
        found = [image] if image in names else short.get(image, _of_folder(image, names))
        if len(found) == 1:
            assigned.setdefault(found[0], []).extend(ones)
        else:
            unknown.append(image)
    return assigned, unknown


def _of_folder(image: str, names: set[str]) -> list[str]:
    """Return the series of a folder, which may be named by its folder alone."""
    folder = "" if image == "." else image.rstrip("/") + "/"
    return [name for name in names if name.startswith(f"{folder}series-")]


def _remarks(chosen: Sequence[Source], ignored: Counter[str], wanted: str) -> list[tuple[str, str]]:
    others = sum(not outputs.fits(wanted, source.suffix) for source in chosen)
    remarks = []
    if others:
        masks = f"{_count(others, 'mask')} cannot be in the format {wanted}"
        remarks.append((f"{masks} and will be in that of the image.", ""))
    if ignored:
        endings = ", ".join(f"{count} × {ending}" for ending, count in ignored.most_common(_NAMED))
        remarks.append((f"Left out: {_count(ignored.total(), 'file')} of other kinds ({endings}).", ""))
    return remarks


def _nothing(config: BatchConfig, found: Found) -> UnreadableFile:
    what = f" that fits {' or '.join(config.pattern)}" if config.pattern else ""
    hint = f"It holds {_count(found.ignored.total(), 'file')} of other kinds." if found.ignored else ""
    return UnreadableFile(f"There is no image{what} in {config.source}.", hint or "Choose another folder.")


def _examples(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def _row(name: str, run: str, reason: str, hint: str, output: str = "") -> Row:
    return Row(name=name, key="", run=run, status="skipped", reason=reason, hint=hint, output=output)
