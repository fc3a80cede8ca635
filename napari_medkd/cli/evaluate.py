"""``medkd evaluate``: how good a model is on images whose masks are known."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from napari_medkd.cli.options import Device, Runtime
from napari_medkd.errors import InvalidPrompt, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from src_training.data import ImageMaskFolder
    from src_training.evaluation import EvaluationReport
    from src_training.evaluation.volumes import VolumeReport

_ALL = "all"
_DEFAULT_SPLIT = "test"


def evaluate(
    data: Annotated[
        list[Path],
        typer.Argument(metavar="DATA_DIR…", help="Folders with images/ and masks/, labels/ or instances/."),
    ],
    prompts: Annotated[
        Literal["box", "click", "auto"],
        typer.Option(
            metavar="box|click|auto",
            help="What the model is given: the tight box of each object; clicks, each where most is wrong; "
            "or nothing, for the whole mask.",
        ),
    ] = "box",
    model: Annotated[
        str | None, typer.Option(metavar="ID", help="Model; see medkd models list. [default: your default]")
    ] = None,
    noisy: Annotated[
        bool, typer.Option("--noisy", help="Boxes and clicks as a hand gives them, a little off.")
    ] = False,
    split: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Split of dataset.json; all takes every pair. [default: test, or all where there is none]",
        ),
    ] = None,
    clicks: Annotated[
        int, typer.Option(metavar="N", min=1, max=100, help="The most clicks an object gets.")
    ] = 20,
    limit: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Only the first N cases of each folder.")
    ] = None,
    whole: Annotated[
        bool,
        typer.Option("--whole", help="All of a mask is one object, as with a tree of vessels."),
    ] = False,
    volume: Annotated[
        bool,
        typer.Option(
            "--volume",
            help="With boxes, on label volumes: one box on the middle slice of each object, followed through "
            "the volume.",
        ),
    ] = False,
    ranged: Annotated[
        bool,
        typer.Option(
            "--ranged", help="With --volume: the first and last slice of the object are given, too."
        ),
    ] = False,
    rule: Annotated[
        Literal["motion", "previous-box"],
        typer.Option(
            metavar="motion|previous-box",
            help="With --volume: how a slice prompts the next one; previous-box: the last mask's box and "
            "3 pixels.",
        ),
    ] = "motion",
    axis: Annotated[
        Literal["z", "y", "x"] | None,
        typer.Option(
            metavar="z|y|x",
            help="With --volume: axis across which the slices lie. [default: as the volume was acquired]",
        ),
    ] = None,
    corrections: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=0,
            max=20,
            help="With --volume: so many slices are then corrected, the worst one first, and the object is "
            "followed again after each.",
        ),
    ] = 0,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Seed of the noise and the intervals.")] = 0,
    device: Device = None,
    runtime: Runtime = None,
    json: Annotated[
        Path | None,
        typer.Option(
            "--json", metavar="OUT", help="Report to write, with a row an object; replaced where it exists."
        ),
    ] = None,
) -> None:
    """Measure a model on images whose masks are known.

    An object is an instance where the folder has instances/, a label on a slice of a volume, else a connected
    part of the mask; parts under 50 pixels are left out, and at most three an image or slice are asked for,
    the largest first. Masks are compared at the image's own resolution.
    """
    from napari_medkd.cli import answering
    from napari_medkd.cli.evaluate_volumes import evaluate_volumes
    from napari_medkd.cli.output import progress_count
    from napari_medkd.cli.prompting import AXES
    from src_training.evaluation import Question
    from src_training.evaluation import evaluate as measure
    from src_training.evaluation.following import Following

    _check_target(json)
    how = Following(rule, ranged, AXES.index(axis) if axis is not None else None, corrections)
    _check_volume(volume, prompts, how != Following())
    folders = [_open(path, split, whole) for path in data]
    _check_names(folders)
    segmenter = answering.load(model, device, runtime)
    if volume:
        evaluate_volumes(segmenter, folders, how, limit, json)
        return
    try:
        with progress_count(f"{segmenter.card.title}, {prompts}") as update:
            question = Question(prompts, noisy, clicks, seed)
            report = measure(segmenter, folders, question, limit, update)
    finally:
        segmenter.close()
    if json is not None:
        write_report(json, report)
    _print(report)


def _open(path: Path, split: str | None, whole: bool) -> "ImageMaskFolder":
    from napari_medkd.cli.output import say
    from src_training.data import ImageMaskFolder, split_names

    chosen = split
    if split is None:
        chosen = _DEFAULT_SPLIT if _DEFAULT_SPLIT in split_names(path) else _ALL
        if chosen == _ALL:
            say(f"{path.name} has no split named {_DEFAULT_SPLIT}: every image with a mask is taken.")
    return ImageMaskFolder(path, None if chosen == _ALL else chosen, objects="whole" if whole else None)


def _check_volume(volume: bool, prompts: str, tuned: bool) -> None:
    """Refuse options that contradict each other, before anything is read."""
    if volume and prompts != "box":
        raise InvalidPrompt("--volume goes with boxes.", "Leave --prompts out, or say --prompts box.")
    if tuned and not volume:
        raise InvalidPrompt(
            "--ranged, --rule, --axis and --corrections go with --volume only.", "Add --volume."
        )


def _check_names(folders: "list[ImageMaskFolder]") -> None:
    names = [folder.name for folder in folders]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise StorageError(
            f"Two folders are named {twice[0]}: their figures could not be told apart.",
            "Evaluate them one after the other, or rename one.",
        )


def _check_target(path: Path | None) -> None:
    """Refuse early what could not be written after the model has worked."""
    if path is None:
        return
    if path.is_dir():
        raise StorageError(f"{path} is a folder.", "Name the file to write, such as report.json.")
    if not path.parent.is_dir():
        raise StorageError(f"The folder {path.parent} does not exist.", "Make it, or choose another one.")


def write_report(path: Path, report: "EvaluationReport | VolumeReport") -> None:
    """Write a report as JSON."""
    try:
        path.write_text(report.model_dump_json(indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error}.", "Choose another place.") from error


def _print(report: "EvaluationReport") -> None:
    from napari_medkd.cli.output import print_facts, print_table, say

    if report.unanswered:
        say(f"{report.model} takes {report.unanswered}: it was not asked, and there is nothing to measure.")
        return
    noise = ", by a hand that slips" if report.noisy else ""
    facts = {"Model": f"{report.model} on {report.runtime}", "Prompts": report.prompts + noise}
    if report.embed_seconds is not None and report.answer_seconds is not None:
        facts["Time"] = (
            f"{report.embed_seconds:.3f} s a slice, {report.answer_seconds:.3f} s an answer (median)"
        )
    print_facts(facts)
    print_table(
        ("Set", "Cases", "Objects", "Figure", "Mean [95 %]", "Median", "Box", "Ellipse"), _rows(report)
    )
    for name, one in report.sets.items():
        if one.empty:
            say(f"{name}: {one.empty} of {one.cases} cases have no object to ask for.")


def _rows(report: "EvaluationReport") -> "Iterator[tuple[str, ...]]":
    for name, one in report.sets.items():
        first = (name, str(one.cases), str(one.objects))
        for key, title, digits in _FIGURES:
            found = one.figures.get(key)
            if found is None or found.mean is None or found.median is None:
                continue
            failures = one.failures.get(int(key.removeprefix("noc"))) if key.startswith("noc") else None
            missed = f", {failures} missed" if failures else ""
            interval = "" if found.low is None else f" [{found.low:.{digits}f}, {found.high:.{digits}f}]"
            beside = (one.figures.get(f"{other}.{key}") for other in ("filled_box", "ellipse"))
            cells = ("" if each is None else f"{each.mean:.{digits}f}" for each in beside)
            mean = f"{found.mean:.{digits}f}{interval}{missed}"
            yield (*first, title, mean, f"{found.median:.{digits}f}", *cells)
            first = ("", "", "")


_FIGURES = (
    ("dice", "Dice", 3),
    ("iou", "IoU", 3),
    ("hd95", "HD95", 1),
    ("nsd", "NSD", 3),
    ("dice@3", "Dice, 3 clicks", 3),
    ("dice@5", "Dice, 5 clicks", 3),
    ("noc80", "Clicks to IoU 0.80", 2),
    ("noc85", "Clicks to IoU 0.85", 2),
    ("noc90", "Clicks to IoU 0.90", 2),
)
