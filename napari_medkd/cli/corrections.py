"""``medkd corrections``: what was collected to learn from; out, in, and away."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from napari_medkd.cli.options import Json

if TYPE_CHECKING:
    from napari_medkd.corrections.query import Query
    from napari_medkd.corrections.record import Record
    from napari_medkd.corrections.store import CorrectionStore
    from napari_medkd.corrections.summary import Means

app = typer.Typer(name="corrections", help="What was collected to learn from: list, export, import, delete.")

Store = Annotated[
    str,
    typer.Option(
        metavar="PLACE",
        help="Database: a file, or postgresql://USER@HOST/NAME. [default: that of the settings]",
    ),
]
Arrays = Annotated[
    str, typer.Option(metavar="PLACE", help="Where its arrays are: a folder, or a URL that fsspec knows.")
]
Cases = Annotated[
    list[str] | None, typer.Option("--case", metavar="CASE", help="Only this case. May be given many times.")
]
Labels = Annotated[
    list[str] | None,
    typer.Option("--label", metavar="NAME", help="Only this class. May be given many times."),
]
PartOption = Annotated[
    Literal["training", "validation", "held-out"] | None,
    typer.Option("--part", metavar="training|validation|held-out", help="Only cases that are for this."),
]


@app.command("list")
def list_corrections(
    by: Annotated[
        Literal["class", "case", "record"],
        typer.Option(metavar="class|case|record", help="A row for each of these."),
    ] = "class",
    case: Cases = None,
    label: Labels = None,
    part: PartOption = None,
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="Records at most, the newest.")] = 50,
    store: Store = "",
    arrays: Arrays = "",
    json: Json = False,
) -> None:
    """List what was collected by class, by case or by record, with how near the model came by itself.

    Dice of its first answer and of its last, each with the mask that the user accepted in the end.
    """
    from itertools import islice

    from napari_medkd.cli.corrections_report import CorrectionsReport
    from napari_medkd.cli.output import print_json, print_table, say

    query = _query(case, label, part)
    with _opened(store, arrays) as found:
        count = found.count(query)
        classes, cases = found.by_class(query), found.by_case(query)
        records = list(islice(found.records(query, newest_first=True), limit))
    if json:
        print_json(CorrectionsReport(objects=count, records=records, classes=classes, cases=cases))
        return
    if not count:
        say("No corrections yet. Turn collecting on in the panel, or bring some: medkd corrections import")
    elif by == "class":
        print_table(
            ("Class", "Cases", *_COLUMNS), [(one.label, str(one.cases), *_means(one)) for one in classes]
        )
    elif by == "case":
        print_table(
            ("Case", "For", "Slices", *_COLUMNS),
            [(one.case, one.part, str(one.images), *_means(one)) for one in cases],
        )
    else:
        print_table(("Id", "Accepted", "Class", "Case", "Model", "Dice"), map(_row, records))


@app.command("show")
def show(
    correction: Annotated[
        str, typer.Argument(metavar="ID", help="Id of a correction, or the first characters of it.")
    ],
    store: Store = "",
    arrays: Arrays = "",
    json: Json = False,
) -> None:
    """Show one correction: what was seen, said, proposed and accepted."""
    from napari_medkd.cli.corrections_report import shown
    from napari_medkd.cli.output import print_facts, print_json

    with _opened(store, arrays) as found:
        report = shown(found, correction)
    if json:
        print_json(report)
        return
    record = report.record
    facts = {
        "Id": record.id,
        "Accepted": f"{record.time.astimezone():%Y-%m-%d %H:%M:%S}",
        "Class": record.label,
        "Case": f"{record.case} ({report.part})",
        "Slice": f"{'zyx'[record.axis]} {record.index} of {'×'.join(map(str, record.volume_shape))}",
        "Modality": record.modality,
        "Model": record.model,
        "Said": ", ".join(mark.kind if mark.positive else f"not {mark.kind}" for mark in record.marks),
        "Area": f"{report.area} pixels",
        "Dice of the first answer": _dice(record.dice_first),
        "Dice of the last answer": _dice(record.dice),
        "Time": f"{record.seconds:.1f} s" if record.seconds is not None else "",
        "Annotator": record.annotator,
        "Origin": record.origin,
        "Fingerprint": record.fingerprint,
    }
    print_facts({label: value for label, value in facts.items() if value})


@app.command("export")
def export(
    form: Annotated[
        Literal["nnunet", "coco", "folder"],
        typer.Argument(metavar="nnunet|coco|folder", help="What the folder is to look like."),
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="New or empty folder.")],
    case: Cases = None,
    label: Labels = None,
    part: PartOption = None,
    store: Store = "",
    arrays: Arrays = "",
    json: Json = False,
) -> None:
    """Write corrections as a data set of another tool: images as the model saw them, and the accepted masks.

    Nothing in it names a patient, a file or an annotator. A folder of the form "folder" is what medkd train
    and medkd evaluate take.
    """
    from napari_medkd.cli.corrections_report import CorrectionsExportReport
    from napari_medkd.cli.output import print_json, say
    from napari_medkd.corrections.exchange import export as write

    with _opened(store, arrays) as found:
        done = write(found, form, out, _query(case, label, part))
    for problem in done.problems:
        say(problem)
    if json:
        print_json(
            CorrectionsExportReport(
                folder=str(out), images=done.images, classes=done.classes, problems=list(done.problems)
            )
        )
    else:
        say(f"{done.images} slices of {len(done.classes)} classes were written to {out}.")


@app.command("import")
def import_(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Images with their masks.")],
    form: Annotated[
        Literal["nnunet", "coco", "folder"] | None,
        typer.Option("--as", metavar="nnunet|coco|folder", help="What it is. [default: by what is in it]"),
    ] = None,
    label: Annotated[
        str, typer.Option(metavar="NAME", help="Class of masks whose folder names no classes.")
    ] = "object",
    objects: Annotated[
        Literal["instances", "components", "labels", "whole"] | None,
        typer.Option(
            metavar="instances|components|labels|whole", help="What one object is. [default: by the files]"
        ),
    ] = None,
    modality: Annotated[
        str, typer.Option(metavar="NAME", help="CT, MR, US, … [default: what the files say]")
    ] = "",
    case_pattern: Annotated[
        str,
        typer.Option(
            metavar="REGEX",
            help="The first group is the case, as in '^(patient[0-9]+)_'. [default: every file]",
        ),
    ] = "",
    keep_names: Annotated[
        bool, typer.Option("--keep-names", help="Keep file names as names of cases: they may name a patient.")
    ] = False,
    smallest: Annotated[
        int, typer.Option(metavar="PIXELS", min=1, help="Leave out objects of fewer pixels.")
    ] = 20,
    store: Store = "",
    arrays: Arrays = "",
    json: Json = False,
) -> None:
    """Take a folder of annotated images as corrections; doing it again adds nothing."""
    from napari_medkd.cli.corrections_report import ImportReport
    from napari_medkd.cli.output import print_json, progress_count, say
    from napari_medkd.cli.reading import quiet_decoders
    from napari_medkd.corrections.exchange import ImportOptions, import_folder

    options = ImportOptions(
        label=label,
        modality=modality,
        objects=objects,
        smallest=smallest,
        case_pattern=case_pattern,
        keep_names=keep_names,
    )
    with _opened(store, arrays) as opened, progress_count("Importing") as update, quiet_decoders():
        done = import_folder(opened, folder, form or "", options, update)
    for problem in done.problems:
        say(f"Left out: {problem}")
    if json:
        print_json(
            ImportReport(added=done.added, known=done.known, images=done.images, problems=list(done.problems))
        )
    else:
        again = f"; {done.known} were there already" if done.known else ""
        say(f"{done.added} corrections on {done.images} images were added{again}.")


@app.command("delete")
def delete(
    case: Annotated[
        list[str] | None,
        typer.Option("--case", metavar="CASE", help="All of this case. May be given many times."),
    ] = None,
    correction: Annotated[
        list[str] | None,
        typer.Option("--id", metavar="ID", help="This correction only. May be given many times."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    store: Store = "",
    arrays: Arrays = "",
    json: Json = False,
) -> None:
    """Remove corrections for good: their records, and the images and masks that no other needs.

    Models that learnt from them stay as they are. Backups of the store are not reached.
    """
    from napari_medkd.cli.corrections_report import DeletionReport
    from napari_medkd.cli.output import print_json, say
    from napari_medkd.corrections.query import Query
    from napari_medkd.errors import InvalidSetting

    if not (case or correction):
        raise InvalidSetting("Nothing was named to delete.", "Give --case or --id.")
    with _opened(store, arrays) as found:
        ids = [found.record(name).id for name in correction or ()]
        for name in case or ():
            found.part_of(name)
        count = len(ids) + (found.count(Query(cases=tuple(case), everything=True)) if case else 0)
        if not yes:
            typer.confirm(f"Remove {count} corrections for good?", abort=True, err=True)
        deleted = (found.delete_cases(case) if case else 0) + found.delete_records(ids)
        left = found.count(Query(everything=True))
    if json:
        print_json(DeletionReport(deleted=deleted, left=left))
    else:
        say(f"{deleted} corrections were removed; {left} are left.")


_COLUMNS = ("Objects", "Dice first", "Dice last", "Marks", "Seconds")


def _row(record: "Record") -> tuple[str, ...]:
    when = f"{record.time.astimezone():%Y-%m-%d %H:%M}"
    return record.id, when, record.label, record.case, record.model, _dice(record.dice)


def _means(row: "Means") -> tuple[str, ...]:
    seconds = f"{row.seconds:.1f}" if row.seconds is not None else ""
    return str(row.objects), _dice(row.dice_first), _dice(row.dice), f"{row.clicks:.1f}", seconds


def _dice(value: float | None) -> str:
    return f"{value:.3f}" if value is not None else ""


def _query(case: list[str] | None, label: list[str] | None, part: str | None) -> "Query":
    from napari_medkd.corrections.query import Query
    from napari_medkd.corrections.split import check

    parts = (check(part),) if part else ()
    return Query(cases=tuple(case or ()), labels=tuple(label or ()), parts=parts)


@contextmanager
def _opened(database: str, arrays: str) -> Iterator["CorrectionStore"]:
    """Open the store that is meant; the user's own first gets what waits for it."""
    from napari_medkd.corrections import places

    with places.open_store(database, arrays) as store:
        if not database:
            places.outbox().deliver(store)
        yield store
