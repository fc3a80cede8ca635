"""The report as a page for a browser: failures first, then what the model was least sure of."""

from __future__ import annotations

from datetime import datetime
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote

from napari_medkd.batch.picture import colour_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from napari_medkd.batch.row import Class, Measure, Row

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --bad: #c62828; --unsure: #b26a00; --good: #2e7d32; }
@media (prefers-color-scheme: dark) { :root { --bad: #ff8a80; --unsure: #ffcc80; --good: #a5d6a7; } }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid var(--line); padding: .35rem .6rem .35rem 0; text-align: left;
  vertical-align: top; }
td { overflow-wrap: anywhere; }
.cases { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(16rem, 1fr)); }
.case { border: 1px solid var(--line); border-radius: 6px; overflow: hidden; content-visibility: auto;
  contain-intrinsic-size: 16rem 22rem; }
.case img { background: #000; display: block; height: 14rem; object-fit: contain; width: 100%; }
.case div { padding: .5rem .75rem; overflow-wrap: anywhere; }
.case dl { display: grid; gap: 0 .75rem; grid-template-columns: auto 1fr; margin: .4rem 0 0; }
.note { font-size: .85em; margin: .4rem 0 0; opacity: .75; }
dt { opacity: .75; } dd { margin: 0; }
.key { border-radius: 2px; display: inline-block; height: .7em; margin-right: .35em; width: .7em; }
.failed { color: var(--bad); } .low { color: var(--unsure); } .high { color: var(--good); }
""".strip()
_SURE, _UNSURE = 0.85, 0.7  # of expected overlap: where the colour of a figure changes
_MOST = 5000  # pictures on the page: the least sure ones; the table has all
_LONGEST = 3  # objects whose diameters are said


def pieces(
    counts: Mapping[str, int], rows: Iterable[Row], measures: str, table: str, model: str = ""
) -> Iterator[str]:
    """Yield the page in pieces.

    Parameters
    ----------
    counts : mapping
        How many images are ``done``, ``failed``, ``skipped`` and ``left`` to do.
    rows : iterable of Row
        Failed ones, then the others from the least sure on, then those that were skipped.
    measures, table : str
        Names of the files with the measurements (empty where there are none) and with all rows.
    model : str
        What the model is called.
    """
    yield _head(counts, measures, table, model)
    part, shown = "", 0
    for row in rows:
        if row.status != part:
            yield _end(part) + _begin(row.status)
            part = row.status
        if row.status != "done":
            yield _refused(row)
        elif shown < _MOST:
            yield _case(row)
            shown += 1
    yield _end(part)
    if counts["done"] > shown:
        more = counts["done"] - shown
        yield f"<p>{more} more images, of which the model is surer, are in {_link(table)}.</p>\n"
    yield "</body>\n</html>\n"


def _head(counts: Mapping[str, int], measures: str, table: str, model: str) -> str:
    parts = [f"<strong>{counts['done']}</strong> segmented"]
    if counts["failed"]:
        parts.append(f'<strong class="failed">{counts["failed"]} failed</strong>')
    if counts["skipped"]:
        parts.append(f"{counts['skipped']} skipped")
    left = (
        f"<p><strong>{counts['left']} images are not done yet.</strong> The same command again, or Resume in "
        "the Batch tab, goes on with them.</p>\n"
        if counts.get("left")
        else ""
    )
    files = ", ".join(_link(name) for name in (table, measures) if name)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Segmentation report</title>\n<style>\n{_STYLE}\n</style>\n</head>\n<body>\n"
        f"<h1>Segmentation report</h1>\n<p>{datetime.now().astimezone():%Y-%m-%d %H:%M}. "
        f"{', '.join(parts)}. As tables: {files}.</p>\n"
        f"{left}<p>Made by {f'the model {escape(model)}' if model else 'a model'} and not checked by a "
        "person. Confidence is the model's own estimate of the "
        "overlap of its mask with the true one, from 0 to 1. Not for diagnosis.</p>\n"
    )


def _begin(status: str) -> str:
    if status == "done":
        return (
            '<h2>Segmented</h2>\n<p>What the model is least sure of comes first.</p>\n<div class="cases">\n'
        )
    title = "Failed" if status == "failed" else "Skipped"
    return (
        f'<h2 class="{status}">{title}</h2>\n<table>\n'
        "<tr><th>Image</th><th>Why</th><th>What to do</th></tr>\n"
    )


def _end(status: str) -> str:
    return {"": "", "done": "</div>\n"}.get(status, "</table>\n")


def _refused(row: Row) -> str:
    cells = "".join(f"<td>{escape(text)}</td>" for text in (row.name, row.reason, row.hint))
    return f"<tr>{cells}</tr>\n"


def _case(row: Row) -> str:
    picture = row.overlay or row.thumbnail
    image = (
        f'<a href="{_url(picture)}"><img loading="lazy" alt="Outlines on {escape(row.name)}" '
        f'src="{_url(row.thumbnail)}"></a>'
    )
    facts = [
        ("Confidence", _confidence(row.confidence)),
        *((_named(c, row), _size(c, row)) for c in row.classes),
    ]
    facts += [("Objects", f"{len(row.measures):,}")] if row.measures else []
    facts += [("Longest diameter", _diameters(row.measures))] if row.measures else []
    facts += [("Modality", escape(row.modality))] if row.modality else []
    listed = "".join(f"<dt>{label}</dt><dd>{value}</dd>" for label, value in facts)
    return (
        f'<div class="case">{image}<div><a href="{_url(row.output)}">{escape(row.name)}</a>'
        f"<dl>{listed}</dl>{_notes(row)}</div></div>\n"
    )


def _confidence(value: float | None) -> str:
    if value is None:
        return "not given"
    grade = "high" if value >= _SURE else "low" if value < _UNSURE else "fair"
    return f'<span class="{grade}">{value:.2f}</span>'


def _named(one: Class, row: Row) -> str:
    """Name a class, with its colour in the picture where there are several."""
    name = escape(one.name or f"Object {one.label}")
    if len(row.classes) < 2:
        return name
    return f'<span class="key" style="background: #{colour_of(one.label)}"></span>{name}'


def _size(one: Class, row: Row) -> str:
    if not one.voxels:
        return "not found"
    is_flat = row.shape is None or row.shape[0] == 1
    return _amount(one.size, row.unit, 2 if is_flat else 3)


def _amount(size: float, unit: str, dimensions: int) -> str:
    """Write an area or a volume in the unit that people use for one of its size."""
    if unit == "px":
        return f"{size:,.0f} {'pixels' if dimensions == 2 else 'voxels'}"
    if dimensions == 2:
        return f"{size / 100:,.2f} cm²" if size >= 100 else f"{size:,.2f} mm²"
    return f"{size / 1000:,.2f} ml" if size >= 100 else f"{size:,.2f} mm³"


def _diameters(measures: Iterable[Measure]) -> str:
    """Say the longest diameters of the largest objects."""
    largest = sorted(measures, key=lambda one: -one.voxels)
    said = ", ".join(f"{one.longest_diameter:,.1f}" for one in largest[:_LONGEST])
    of = " (of the largest)" if len(largest) > _LONGEST else ""
    return f"{said} {largest[0].unit}{of}"


def _notes(row: Row) -> str:
    return f'<p class="note">{escape(" ".join(row.notes))}</p>' if row.notes else ""


def _link(name: str) -> str:
    return f'<a href="{_url(name)}">{escape(name)}</a>'


def _url(path: str) -> str:
    return escape(quote(path))
