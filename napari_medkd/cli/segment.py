"""``medkd segment``: from a box, clicks or nothing at all to the mask file of one slice."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from napari_medkd.cli.options import Device, Frame, Json, Runtime, Series, Window
from napari_medkd.errors import InvalidPrompt, StorageError

if TYPE_CHECKING:
    from napari_medkd.cli.reports import FoundReport, SegmentReport, SuggestReport
    from napari_medkd.core.volume import Volume
    from napari_medkd.models.card import ModelCard


def segment(
    image: Annotated[Path, typer.Argument(help="Image file, or the folder of a DICOM series.")],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            help="Mask to write: .nii.gz, .nii, .nrrd, .mha, .tif, .png, .ome.zarr, or .dcm (DICOM-SEG).",
        ),
    ],
    box: Annotated[
        str | None,
        typer.Option(metavar="X0,Y0,X1,Y1", help="Two opposite corner pixels of a box around the object."),
    ] = None,
    point: Annotated[
        list[str] | None,
        typer.Option(
            metavar="X,Y",
            help="A pixel inside the object; with a leading minus sign, --point=-X,Y, one outside it. "
            "May be given many times.",
        ),
    ] = None,
    auto: Annotated[
        bool, typer.Option("--auto", help="No prompt: what the model finds by itself, a class a target.")
    ] = False,
    everything: Annotated[
        bool,
        typer.Option(
            "--everything",
            help="No prompt: every object that a model which answers clicks finds, a value each, the surest "
            "first.",
        ),
    ] = False,
    modality: Annotated[
        str,
        typer.Option(metavar="NAME", help="With --auto: the kind of image, for a model of several kinds."),
    ] = "",
    threshold: Annotated[
        float | None,
        typer.Option(
            metavar="P",
            help="With --auto or --everything: probability above which a pixel counts. [default: the model's "
            "own]",
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="ID", help="Model; see medkd models list. [default: your default]")
    ] = None,
    slice_: Annotated[
        int | None, typer.Option("--slice", metavar="K", help="Slice, from 0, in the file's own order.")
    ] = None,
    axis: Annotated[
        Literal["z", "y", "x"],
        typer.Option(metavar="z|y|x", help="Axis across which the slice lies; z is the file's last."),
    ] = "z",
    propagate: Annotated[
        bool,
        typer.Option(
            "--propagate",
            help="Follow the object from the slice through the volume, both ways, until it ends.",
        ),
    ] = False,
    range_: Annotated[
        str | None,
        typer.Option(
            "--range",
            metavar="FIRST,LAST",
            help="With --propagate: the slices that it may be followed to, both inside: a box in 3-D.",
        ),
    ] = None,
    frame: Frame = None,
    series: Series = None,
    window: Window = None,
    device: Device = None,
    runtime: Runtime = None,
    overlay: Annotated[
        Path | None, typer.Option(metavar="PNG", help="Also draw the slice with contour and prompts.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
    json: Json = False,
) -> None:
    """Segment one object on one slice into a mask file, or with --auto or --everything all that is found.

    The mask has the size and geometry of the image. Pixels are counted from 0, x to the right and y down, as
    the slice is stored in the file.
    """
    from napari_medkd.cli import all_objects, answering, suggesting
    from napari_medkd.cli.prompting import build_prompt, choose_plane, parse_range, parse_window
    from napari_medkd.cli.reading import read

    _check_prompts(auto, everything, box is not None or bool(point), bool(modality), threshold is not None)
    _check_propagate(auto or everything, propagate, range_)
    _check_targets(image, out, overlay, overwrite)
    clock = answering.Clock()
    with clock.measure("read"):
        volume = read(image, series, frame)
    if window is not None:
        volume = volume.with_window(parse_window(window))
    plane = choose_plane(volume, axis, slice_)
    prompt = None if auto or everything else build_prompt(plane, box, point or [])
    if prompt is not None:
        prompt.check(plane.shape(volume.shape))
    with clock.measure("load"):
        segmenter = answering.load(model, device, runtime)
    try:
        report: SegmentReport | SuggestReport
        if everything:
            with clock.measure("segment"):
                objects = all_objects.find(volume, segmenter, plane)
            report = all_objects.write(
                volume, segmenter, objects, plane, threshold or 0.5, out, overlay, clock
            )
        elif prompt is None:
            with clock.measure("segment"):
                found = suggesting.suggest(volume, segmenter, plane, modality, threshold)
            report = suggesting.write(volume, segmenter, found, out, overlay, clock)
        else:
            with clock.measure("segment"):
                session = answering.ask(volume, segmenter, prompt)
                if propagate:
                    answering.follow(session, parse_range(range_))
            report = answering.write(session, out, overlay, clock)
    finally:
        segmenter.close()
    _print(report, json, (*volume.notes, *_advice(report), *_better(volume, segmenter.card)))


def _check_prompts(auto: bool, everything: bool, prompted: bool, is_kind_said: bool, is_cut: bool) -> None:
    """Refuse options that contradict each other, before anything is read."""
    if auto and everything:
        raise InvalidPrompt("--auto and --everything exclude each other.", "Leave one of them out.")
    if (auto or everything) and prompted:
        name = "--auto" if auto else "--everything"
        raise InvalidPrompt(f"{name} goes without --box and --point.", "Leave one of them out.")
    if is_kind_said and not auto:
        raise InvalidPrompt("--modality goes with --auto only.", "Add --auto, or leave it out.")
    if is_cut and not (auto or everything):
        raise InvalidPrompt("--threshold goes with --auto or --everything.", "Add one of them.")


def _check_propagate(prompt_free: bool, propagate: bool, range_: str | None) -> None:
    if prompt_free and propagate:
        raise InvalidPrompt("--propagate follows what a prompt marks.", "Give --box or --point.")
    if range_ is not None and not propagate:
        raise InvalidPrompt("--range goes with --propagate only.", "Add --propagate.")


def _advice(report: "SegmentReport | SuggestReport") -> tuple[str, ...]:
    """Say how the next call starts faster, where it can."""
    if not report.runtime.startswith("torch, CPU"):
        return ()
    return (f'Once "medkd export {report.model}" was run, the model starts in a second and answers faster.',)


def _better(volume: "Volume", card: "ModelCard") -> tuple[str, ...]:
    """Name a model that knows such images, where the one that answered never saw any."""
    from napari_medkd.inference.kinds import better
    from napari_medkd.models.store import ModelStore

    found = better(volume, card, ModelStore().list())
    if found is None:
        return ()
    return (f"{card.title} learnt from no {volume.modality}; {found.title} did: --model {found.id}",)


def _check_targets(image: Path, out: Path, overlay: Path | None, overwrite: bool) -> None:
    """Refuse early what could not be written after the model has worked."""
    from napari_medkd.io import writable_suffixes

    if not out.name.lower().endswith(writable_suffixes()):
        raise StorageError(
            f"A mask cannot be written as {out.name}.",
            f"Use one of these endings: {', '.join(writable_suffixes())}.",
        )
    if overlay is not None and overlay.suffix.lower() != ".png":
        raise StorageError(f"The overlay is a PNG file, not {overlay.name}.", "Give it the ending .png.")
    for path in (out, *([overlay] if overlay else [])):
        if path.resolve() == image.resolve():
            raise StorageError(f"{path} is the image itself.", "Choose another name.")
        if path.exists() and not overwrite:
            raise StorageError(f"{path} exists already.", "Choose another name, or add --overwrite.")
        if not path.parent.is_dir():
            raise StorageError(f"The folder {path.parent} does not exist.", "Make it, or choose another one.")


def _print(report: "SegmentReport | SuggestReport", json: bool, notes: tuple[str, ...]) -> None:
    from napari_medkd.cli.output import print_facts, print_json, say

    for note in notes:
        say(note)
    if json:
        print_json(report)
        return
    facts = {
        "Mask": report.mask,
        **_found(report),
        "Model": f"{report.model} on {report.runtime}",
        "Time": ", ".join(f"{step} {seconds:.2f} s" for step, seconds in report.seconds.items()),
    }
    print_facts(facts | ({"Overlay": report.overlay} if report.overlay else {}))


def _found(report: "SegmentReport | SuggestReport") -> dict[str, str]:
    """Return what the mask holds, in words."""
    from napari_medkd.cli.reports import SegmentReport

    place = f"slice {report.slice} along {report.axis}"
    if not isinstance(report, SegmentReport):
        found = {one.name.capitalize(): _suggested(one) for one in report.found}
        return {"Slice": place, **_kind(report), **found}
    score = "none" if report.score is None else f"{report.score:.2f} (the model's own estimate)"
    extent = _extent(report.pixels, report.area_mm2, report.bounds)
    return {"Object": f"{extent}, {place}", "Score": score, **_followed(report)}


def _kind(report: "SuggestReport") -> dict[str, str]:
    """Say what kind of image it was taken for, and how likely the model finds that."""
    from napari_medkd.inference.routing import SURE

    if not report.modality:
        return {}
    likeliest, sure = next(iter(report.modalities.items()))
    if report.modality == likeliest:
        doubt = "" if sure >= SURE else ", so perhaps none that the model knows"
        return {"Modality": f"{likeliest}, {sure:.0%} sure{doubt} (say another with --modality)"}
    return {"Modality": f"{report.modality}, as you said; the model takes it for {likeliest} ({sure:.0%})"}


def _followed(report: "SegmentReport") -> dict[str, str]:
    """Say how far an object was followed through the volume."""
    found = report.volume
    if found is None:
        return {}
    size = f"{found.voxels} voxels" + ("" if found.ml is None else f", {found.ml:.4g} ml")
    doubtful = sum(one.confidence is not None and one.confidence < 0.5 for one in found.slices)
    doubt = f", {doubtful} of them doubtful" if doubtful else ""
    first, last = found.slices[0].slice, found.slices[-1].slice
    ends = "; ".join(f"at {end.slice}: {end.why}" for end in found.ends)
    return {"Volume": f"{size}, slices {first} to {last}{doubt}", "Ended": ends}


def _suggested(one: "FoundReport") -> str:
    if one.bounds is None:
        return f"nothing found, {one.score:.0%} sure"
    return f"{_extent(one.pixels, one.area_mm2, one.bounds)}, class {one.value}, score {one.score:.2f}"


def _extent(pixels: int, area_mm2: float | None, bounds: tuple[int, int, int, int]) -> str:
    area = "" if area_mm2 is None else f", {area_mm2:.4g} mm²"
    left, top, right, bottom = bounds
    return f"{pixels} pixels{area}, x {left} to {right}, y {top} to {bottom}"
