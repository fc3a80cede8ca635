"""``medkd learn``: from the corrections to a better model, compared before it is used, and back again."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_medkd.cli.options import Json

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_medkd.learning import Decision, LearningRun, Order
    from napari_medkd.runs import Comparison

app = typer.Typer(name="learn", help="Learn from corrections, compare, use the new model or go back.")

Run = Annotated[
    str,
    typer.Argument(metavar="[RUN]", help="Id of a run, or its folder. [default: the newest that learns]"),
]


@app.command("start")
def start(
    method: Annotated[
        str,
        typer.Option(metavar="quick|full|thorough|kind", help="How: see the guide Learn from corrections."),
    ] = "quick",
    model: Annotated[
        str,
        typer.Option(metavar="ID", help="Model that learns. [default: the one in use; for kind, that looks]"),
    ] = "",
    kind: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="With --method kind: what the new kind of image is called. [default: what was collected]",
        ),
    ] = "",
    label: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only corrections of this class. May be given many times."),
    ] = None,
    replay: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="DIR",
            help="Folder with images and masks that must not be forgotten, beside those that ship. May be "
            "given many times.",
        ),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A setting of the recipe. May be given many times."),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Start of everything random.")] = 0,
    device: Annotated[str, typer.Option(metavar="NAME", help="auto, cpu, cuda or cuda:N.")] = "auto",
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="RUN", help="Folder of the run. [default: a new one]"),
    ] = None,
    prepare: Annotated[
        bool, typer.Option("--prepare", help="Only write the folder of the run, to take it elsewhere.")
    ] = False,
    detach: Annotated[
        bool, typer.Option("--detach", help="Return at once; see medkd runs watch and stop.")
    ] = False,
    json: Json = False,
) -> None:
    """Learn from what was collected, and compare the new model with the old one.

    Nothing is replaced: look at medkd learn compare, then choose medkd learn use or keep. A run waits until
    those that were asked for before it have ended. Ctrl+C stops it; medkd train --resume --out RUN goes on.
    """
    from napari_medkd import learning
    from napari_medkd.cli.training import follow, need_torch, print_run

    order = _order(method, model, label, kind, replay, set_, seed, device)
    if prepare:
        _say_prepared(learning.prepare(order, out), json)
        return
    need_torch()
    handle = learning.start(order, out)
    if not detach:
        follow(handle, json)
    print_run(handle, json, detach)
    if not detach and not json:
        _show(learning.followed(handle))


@app.command("status")
def status(json: Json = False) -> None:
    """Show what was collected, the runs that learn or have learnt, and which model is in use."""
    from napari_medkd import learning
    from napari_medkd.cli.learn_report import LearnStatusReport, learning_report
    from napari_medkd.cli.output import print_facts, print_json, print_table, say
    from napari_medkd.settings import Settings

    chosen = Settings.load()
    model = chosen.default_model
    found = learning.collected(model)
    rows = [learning_report(run) for run in learning.learning_runs()]
    if json:
        print_json(
            LearnStatusReport(
                model=model,
                looks=chosen.looking_model,
                rolls_back_to=learning.can_roll_back_to(),
                collected=found,
                runs=rows,
                decisions=learning.decisions(),
            )
        )
        return
    parts = ", ".join(f"{count} {part}" for part, count in found.parts.items())
    facts = {
        "Model in use": model,
        "Model that looks": chosen.looking_model,
        "Rolls back to": learning.can_roll_back_to(),
        "Corrections": f"{found.objects} on {found.images} images, {found.fresh} of them new to the model",
        "Cases": f"{found.cases}: {parts}",
    }
    print_facts({label: value for label, value in facts.items() if value})
    if rows:
        print_table(
            ("Run", "Status", "Method", "Model", "Verdict", "Decision"),
            [(row.id, row.status, row.method, row.model, row.verdict, row.decision) for row in rows],
        )
    say(found.obstacle or found.remark or "Learn with: medkd learn start")


@app.command("compare")
def compare(run: Run = "", json: Json = False) -> None:
    """Show the new model beside the old one, on the same held-out objects."""
    from napari_medkd.cli.learn_report import LearnComparisonReport, learning_report
    from napari_medkd.cli.output import print_json

    found = _found(run)
    if json:
        print_json(LearnComparisonReport(run=learning_report(found), comparison=_comparison(found)))
    else:
        _show(found)


@app.command("use")
def use(run: Run = "", json: Json = False) -> None:
    """Take the model of a run into use; the old one stays installed."""
    from napari_medkd import learning

    _change(lambda: learning.use_new(learning.find(run)), json)


@app.command("keep")
def keep(run: Run = "", json: Json = False) -> None:
    """Keep the model in use, and note that the one of a run is not wanted."""
    from napari_medkd import learning

    _change(lambda: learning.keep_old(learning.find(run)), json)


@app.command("rollback")
def roll_back(json: Json = False) -> None:
    """Go back to the model that was in use before the last change; again, one change more."""
    from napari_medkd import learning

    _change(learning.roll_back, json)


@app.command("next")
def next_(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Images, or DICOM series.")],
    model: Annotated[
        str, typer.Option(metavar="ID", help="Model that looks at them. [default: the one in use]")
    ] = "",
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="Show at most so many.")] = 20,
    json: Json = False,
) -> None:
    """Say which images of a folder to correct next.

    First those that the model is not sure of, each unlike the ones before it. An image that cannot be read is
    said to be so, and stops nothing.
    """
    from napari_medkd.cli.learn_report import RankedCase, RankingReport
    from napari_medkd.cli.output import print_json, print_table, progress_count
    from napari_medkd.cli.reading import quiet_decoders
    from napari_medkd.learning.cases import in_folder
    from napari_medkd.learning.ranking import rank
    from napari_medkd.settings import Settings

    chosen = model or Settings.load().default_model
    told: dict[str, RankedCase] = {}

    def tell(name: str, usefulness: float | None, remark: str) -> None:
        told[name] = RankedCase(name=name, usefulness=usefulness, remark=remark)

    with progress_count("Looking") as update, quiet_decoders():
        rank(in_folder(folder).cases, chosen, tell, update)
    rows = sorted(told.values(), key=lambda one: (one.usefulness is None, -(one.usefulness or 0), one.name))
    if json:
        print_json(RankingReport(model=chosen, cases=rows))
    else:
        print_table(("Image", "Remark"), [(one.name, one.remark) for one in rows[:limit]])


def _order(
    method: str,
    model: str,
    labels: list[str] | None,
    kind: str,
    replay: list[Path] | None,
    settings: list[str] | None,
    seed: int,
    device: str,
) -> "Order":
    """Check what was asked for, before anything is written."""
    from napari_medkd import learning
    from napari_medkd.cli.recipe_options import read
    from napari_medkd.errors import UnreadableFile
    from src_training.recipes import load

    chosen = learning.method(method)
    config = load()[chosen.recipe].config
    typed = {setting.partition("=")[0].strip() for setting in settings or ()}
    usual = [f"{key}={value}" for key, value in {**chosen.usual, **chosen.options}.items()]
    options = read(chosen.recipe, config, [*usual, *(settings or ())])
    for folder in replay or ():
        if not folder.is_dir():
            raise UnreadableFile(f"{folder} is not a folder.", "Give a folder with images/ and their masks.")
    return learning.Order(
        method=method,
        base=model,
        labels=tuple(labels or ()),
        kind=kind,
        options={key: options[key] for key in sorted(typed)},
        replay=tuple(str(folder.absolute()) for folder in replay or ()),
        seed=seed,
        device=device,
    )


def _found(run: str) -> "LearningRun":
    from napari_medkd import learning, runs

    return learning.followed(runs.attach(learning.find(run)))


def _comparison(found: "LearningRun") -> "Comparison":
    from napari_medkd.errors import UnreadableFile

    comparison = found.comparison
    if comparison is None:
        raise UnreadableFile(
            f"The run {found.handle.id} has no comparison yet: it is {found.stand}.",
            "See: medkd learn status",
        )
    return comparison


def _show(found: "LearningRun") -> None:
    """Print a comparison for people."""
    from napari_medkd.cli.output import print_facts, print_table, say

    comparison = _comparison(found)
    rows: list[tuple[str, ...]] = []
    for one in comparison.sets:
        parts = {f"dice@1, {name}": change for name, change in one.parts.items()}
        for name, change in {**one.figures, **parts}.items():
            cells = (_number(change.before), _number(change.after), _number(change.change, sign=True))
            rows.append((one.name, f"{one.objects} of {one.cases} cases", name, *cells))
    print_facts({"Old": comparison.before, "New": comparison.after})
    print_table(("Images", "Objects", "Figure", "Old", "New", "Change (95 %)"), rows)
    for sentence in comparison.sentences:
        say(sentence)
    if not found.decision:
        say(f"Choose: medkd learn use {found.handle.id}, or medkd learn keep {found.handle.id}")


def _number(interval: Any, sign: bool = False) -> str:
    if interval.mean is None:
        return ""
    mean = f"{interval.mean:+.3f}" if sign else f"{interval.mean:.3f}"
    return mean if interval.low is None else f"{mean} ({interval.low:.3f} to {interval.high:.3f})"


def _say_prepared(folder: Path, json: bool) -> None:
    from napari_medkd.cli.learn_report import PreparedReport
    from napari_medkd.cli.output import print_json, say

    if json:
        print_json(PreparedReport(folder=folder))
    else:
        say(f"{folder} is ready. Take it elsewhere, and start it there: medkd train --resume --out RUN")


def _change(act: "Callable[[], Decision]", json: bool) -> None:
    """Do what changes the model in use, and say which it is."""
    from napari_medkd.cli.learn_report import ModelInUseReport
    from napari_medkd.cli.output import print_json, say

    done = act()
    model, before = done.after, done.before
    if json:
        print_json(ModelInUseReport(model=model, before=before, role=done.role))
        return
    looks = done.role == "looks"
    if model == before:
        say(f"The model {'that looks' if looks else 'in use'} is {model}.")
    else:
        say(f"{model} {'looks' if looks else 'is in use'} instead of {before}.")
