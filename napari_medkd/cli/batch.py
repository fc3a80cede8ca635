"""``medkd batch``: every image of a folder, with a report, on this computer or a cluster."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from napari_medkd.cli.options import Device, Runtime, Window
from napari_medkd.errors import InvalidSetting, UnreadableFile

if TYPE_CHECKING:
    from napari_medkd.runs import RunHandle

_FAILED, _INTERRUPTED = 2, 130
_STOP_SECONDS = 600.0  # an image in hand is finished first


def batch(
    source: Annotated[
        Path | None, typer.Argument(metavar="IN", help="Folder of images, with all below it; or one image.")
    ] = None,
    target: Annotated[
        Path | None, typer.Argument(metavar="OUT", help="Folder for masks and report; made if need be.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="ID", help="Model; see medkd models list. [default: your default]")
    ] = None,
    modality: Annotated[
        str | None,
        typer.Option(metavar="M", help="What kind of image all are, for a model of several. [default: auto]"),
    ] = None,
    prompt_file: Annotated[
        Path | None,
        typer.Option(
            metavar="CSV",
            help="Boxes, for a model that needs them: columns image, x0, y0, x1, y1 and, where wanted, "
            "slice, label, name.",
        ),
    ] = None,
    pattern: Annotated[
        list[str] | None,
        typer.Option(
            metavar="GLOB",
            help="Only images whose path fits, such as 'images/*.png'. May be given many times.",
        ),
    ] = None,
    format: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Of the masks: nifti, nrrd, mha, png, tiff, ome-zarr, dicom-seg. [default: the image's]",
        ),
    ] = None,
    axis: Annotated[
        Literal["z", "y", "x"] | None,
        typer.Option(metavar="z|y|x", help="Axis across which the slices of volumes lie. [default: z]"),
    ] = None,
    window: Window = None,
    threshold: Annotated[
        float | None,
        typer.Option(metavar="P", help="Probability that makes a pixel part of it. [default: the model's]"),
    ] = None,
    clean: Annotated[
        Literal["none", "small", "largest"] | None,
        typer.Option(
            metavar="none|small|largest",
            help="What to leave out of what is found in volumes: nothing, parts under 5 % of the largest, "
            "all but the largest. [default: small]",
        ),
    ] = None,
    tile: Annotated[
        int | None,
        typer.Option(metavar="N", min=0, help="Larger slices are seen in tiles of N pixels. [default: 4096]"),
    ] = None,
    overlay: Annotated[bool, typer.Option("--overlay", help="Also draw pictures with the outlines.")] = False,
    measure: Annotated[
        bool, typer.Option("--measure", help="Measure every object, into measures.csv and the report.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Make every mask anew and replace those that exist.")
    ] = False,
    skip: Annotated[
        bool, typer.Option("--skip", help="Leave masks alone that were made otherwise or by others.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Processes. [default: one for each core]")
    ] = None,
    cluster: Annotated[
        str | None, typer.Option(metavar="ADDRESS|local", help="Dask scheduler that does the work.")
    ] = None,
    device: Device = None,
    runtime: Runtime = None,
    run: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="Folder of the run. [default: a new one, see runs list]"),
    ] = None,
    resume: Annotated[
        str | None,
        typer.Option(metavar="RUN", help="Go on with a run as it was started, in place of IN and OUT."),
    ] = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="Return at once; see medkd runs watch and stop.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object at the end.")] = False,
) -> None:
    """Segment every image of a folder.

    Masks go to OUT under the paths of their images, with report.csv and report.html beside them. The same
    command again does only what is not done: after an interruption, or when images were added. Exit code 2
    where an image failed; the report says which and why.
    """
    from napari_medkd.cli import watching

    given = {
        "source": _absolute(source), "target": _absolute(target), "model": model, "modality": modality,
        "prompts": _absolute(prompt_file), "pattern": tuple(pattern) if pattern else None, "format": format,
        "axis": axis, "window": _window(window), "threshold": threshold, "clean": clean, "tile": tile,
        "overlay": overlay or None, "measure": measure or None, "existing": _existing(overwrite, skip),
        "workers": workers, "cluster": cluster, "device": device, "runtime": runtime,
    }  # fmt: skip
    given = {key: value for key, value in given.items() if value is not None}
    handle = _start(given, run) if resume is None else _resume(resume, given)
    stopping = "Stopping after the images in hand."
    interrupted = not detach and watching.follow(handle, stopping, _STOP_SECONDS, json=True)
    _report(handle, json, detach)
    if interrupted:
        raise typer.Exit(_INTERRUPTED)


def _start(given: dict[str, Any], folder: Path | None) -> "RunHandle":
    from pydantic import ValidationError

    from napari_medkd.batch import BatchConfig, start
    from napari_medkd.settings import Settings

    for name, what in (("source", "images: IN"), ("target", "a folder for the masks: OUT")):
        if name not in given:
            raise InvalidSetting(f"A batch needs {what}.", "Give both: medkd batch IN OUT")
    if not Path(given["source"]).exists():
        raise UnreadableFile(f'There is no file or folder "{given["source"]}".', "Check the path.")
    given.setdefault("model", Settings.load().default_model)
    try:
        config = BatchConfig(**given)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        raise InvalidSetting(
            f"--{name} cannot be {first['input']!r}: {first['msg'].lower()}.", "See: medkd batch --help"
        ) from error
    return start(config, folder)


def _resume(name: str, given: dict[str, Any]) -> "RunHandle":
    from napari_medkd import batch, runs

    if given:
        raise InvalidSetting(
            f"A run is resumed as it was started, without another {next(iter(given))}.",
            f"Use only: medkd batch --resume {name}",
        )
    folder = runs.find(name)
    recipe = runs.RunSpec.load(folder).recipe
    if recipe != batch.RECIPE:
        raise InvalidSetting(f"{name} is no batch but a training.", f"Use: medkd train --resume --out {name}")
    return batch.resume(folder)


def _report(handle: "RunHandle", json: bool, detached: bool) -> None:
    from napari_medkd.cli.batch_report import describe, facts
    from napari_medkd.cli.output import print_facts, print_json, say

    report = describe(handle)
    if json:
        print_json(report)
    else:
        print_facts(facts(report, detached))
    if report.failures and not detached:
        first = report.failures[0]
        say(f"{report.failed} failed. The first is {first.image}: {first.reason} {first.hint}".rstrip())
        raise typer.Exit(_FAILED)


def _window(text: str | None) -> tuple[float, float] | None:
    from napari_medkd.cli.prompting import parse_window

    if text is None:
        return None
    window = parse_window(text)
    return window.low, window.high


def _existing(overwrite: bool, skip: bool) -> str | None:
    if overwrite and skip:
        raise InvalidSetting("--overwrite and --skip say opposite things.", "Give one of them.")
    return "overwrite" if overwrite else "skip" if skip else None


def _absolute(path: Path | None) -> str | None:
    return None if path is None else str(path.absolute())
