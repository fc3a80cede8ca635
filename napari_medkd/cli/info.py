"""``medkd info``: what an image is, as we understand it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_medkd.cli.options import Frame, Json, Series

if TYPE_CHECKING:
    from napari_medkd.cli.reports import InfoReport, WindowReport
    from napari_medkd.core.volume import Volume


def info(
    image: Annotated[Path, typer.Argument(help="Image file, or the folder of a DICOM series.")],
    frame: Frame = None,
    series: Series = None,
    json: Json = False,
) -> None:
    """Say how an image is understood; no patient is named."""
    from napari_medkd.cli.output import print_facts, print_json
    from napari_medkd.cli.reading import read

    report = describe(read(image, series, frame))
    if json:
        print_json(report)
    else:
        print_facts(_facts(report))


def describe(volume: "Volume") -> "InfoReport":
    """Return what is known of an image; nothing that could name a person."""
    from napari_medkd.cli.reports import InfoReport

    geometry = volume.geometry
    return InfoReport(
        shape=volume.shape,
        channels=volume.data.shape[3] if volume.is_rgb else 1,
        dtype=str(volume.data.dtype),
        spacing_mm=geometry.spacing if geometry.from_file else None,
        orientation=geometry.orientation if geometry.from_file else None,
        oblique=geometry.is_oblique,
        affine=geometry.affine.tolist() if geometry.from_file else None,
        modality=volume.modality,
        window=describe_window(volume),
        notes=list(volume.notes),
    )


def describe_window(volume: "Volume") -> "WindowReport":
    """Return the intensity window of an image."""
    from napari_medkd.cli.reports import WindowReport

    window = volume.window
    return WindowReport(low=window.low, high=window.high, name=window.name)


def _facts(report: "InfoReport") -> dict[str, str]:
    size = " × ".join(map(str, report.shape))
    facts = {
        "Size (z, y, x)": f"{size}, {'colour' if report.channels == 3 else 'one channel'}, {report.dtype}",
        "Modality": report.modality or "unknown",
        "Spacing (z, y, x)": "not given; pixels are taken as square",
        "Orientation": "not given",
        "Window": f"{report.window.low:g} to {report.window.high:g} ({report.window.name})",
    }
    if report.spacing_mm is not None:
        facts["Spacing (z, y, x)"] = " × ".join(f"{mm:.4g}" for mm in report.spacing_mm) + " mm"
        facts["Orientation"] = f"{report.orientation}{', oblique' if report.oblique else ''}"
    return facts | {f"Note {number}": note for number, note in enumerate(report.notes, 1)}
