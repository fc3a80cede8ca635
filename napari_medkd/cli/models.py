"""``medkd models``: what is installed, what can be had, and the licences of both."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_medkd.cli.options import Json, ModelId

if TYPE_CHECKING:
    from napari_medkd.cli.reports import ModelReport

app = typer.Typer(name="models", help="List, get and choose models.")


@app.command("list")
def list_models(json: Json = False) -> None:
    """List the models that are installed and those that can be had."""
    from napari_medkd.cli.library import all_models
    from napari_medkd.cli.output import print_json, print_table
    from napari_medkd.cli.reports import ModelsReport

    reports = all_models()
    if json:
        print_json(ModelsReport(models=reports))
        return
    rows = [
        (report.id, _state(report), _size(report), _prompts(report), _licence(report)) for report in reports
    ]
    print_table(("Id", "State", "Parameters", "Prompts", "Licence"), rows)


@app.command("show")
def show(model: ModelId, json: Json = False) -> None:
    """Show one model: what it is, where it comes from, what it may be used for."""
    from napari_medkd.cli.library import one_model

    _print(one_model(model), json)


@app.command("fetch")
def fetch(
    model: ModelId,
    accept: Annotated[
        bool, typer.Option("--accept-licence", help="Agree to a licence that forbids commercial use.")
    ] = False,
    unverified: Annotated[
        bool, typer.Option("--allow-unverified", help="Take a file whose SHA-256 is not the published one.")
    ] = False,
    folder: Annotated[
        Path | None, typer.Option("--from", metavar="FOLDER", help="Take the file from here instead.")
    ] = None,
    mirror: Annotated[
        str | None, typer.Option(metavar="URL", help="Download from this folder of a mirror instead.")
    ] = None,
    json: Json = False,
) -> None:
    """Download and install a published model; says its licence, resumes an interrupted download.

    A proxy is taken from the environment (HTTPS_PROXY). With --from, or where the offline folder of the
    settings holds the file, no network is used.
    """
    from napari_medkd.cli import library
    from napari_medkd.cli.output import progress_bar, say

    say(library.licence_sentence(model))
    with progress_bar(f"Fetching {model}") as update:
        report = library.get(
            model,
            accept_licence=accept,
            allow_unverified=unverified,
            folder=folder,
            mirror=mirror,
            progress=update,
        )
    _print(report, json)


@app.command("add")
def add(
    path: Annotated[
        Path,
        typer.Argument(help="A model package (folder or zip file), or the checkpoint of a known model."),
    ],
    replace: Annotated[bool, typer.Option("--replace", help="Replace a model of the same id.")] = False,
    known_as: Annotated[
        str,
        typer.Option("--as", metavar="ID", help="Which known model a checkpoint is; recognised by default."),
    ] = "",
    json: Json = False,
) -> None:
    """Install a model from a file or a folder."""
    from napari_medkd.cli.library import one_model
    from napari_medkd.models.store import ModelStore

    _print(one_model(ModelStore().add(path, replace=replace, model_id=known_as).id), json)


@app.command("remove")
def remove(model: ModelId) -> None:
    """Delete the files of an installed model."""
    from napari_medkd.cli.output import say
    from napari_medkd.models.store import ModelStore

    ModelStore().remove(model)
    say(f"{model} was removed.")


@app.command("default")
def default(
    model: Annotated[
        str | None,
        typer.Argument(metavar="[ID]", help="The new default; left out, it is only said."),
    ] = None,
) -> None:
    """Say or choose the model that a session starts with."""
    from napari_medkd.models.store import ModelStore
    from napari_medkd.settings import Settings

    settings = Settings.load()
    if model is not None:
        settings.default_model = ModelStore().get(model).id
        settings.save()
    typer.echo(settings.default_model)


def _state(report: "ModelReport") -> str:
    words = ["installed" if report.installed else "to be had"]
    words += ["exported"] if report.onnx else []
    words += ["default"] if report.default else []
    return ", ".join(words)


def _size(report: "ModelReport") -> str:
    return f"{report.parameters / 1e6:.1f} M" if report.parameters else ""


def _prompts(report: "ModelReport") -> str:
    order = ("box", "point", "scribble", "lasso", "mask", "auto")
    return ", ".join(kind for kind in order if kind in report.capabilities)


def _licence(report: "ModelReport") -> str:
    licence = report.licence or "not stated"
    said = report.commercial_use or "commercial" in licence.lower()
    return licence if said else f"{licence} (non-commercial)"


def _print(report: "ModelReport", json: bool) -> None:
    from napari_medkd.cli.output import print_facts, print_json

    if json:
        print_json(report)
        return
    facts = {
        "Id": report.id,
        "Model": report.title,
        "What it is": report.description,
        "State": _state(report),
        "Prompts": _prompts(report),
        "Looks for": ", ".join(report.targets),
        "Trained on": ", ".join(report.modalities),
        **report.helpers,
        "Parameters": _size(report),
        "Licence": _licence(report),
        "Source": report.source,
    }
    print_facts({label: value for label, value in facts.items() if value})
