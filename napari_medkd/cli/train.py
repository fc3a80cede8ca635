"""``medkd train``: a recipe on folders of images, in a process of its own."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperCommand

from napari_medkd.cli.joining import is_one_of_many, join
from napari_medkd.cli.training import follow, need_torch, print_run
from napari_medkd.errors import InvalidSetting, UnreadableFile

if TYPE_CHECKING:
    from napari_medkd.runs import RunHandle, RunSpec


class TrainCommand(TyperCommand):
    """A command whose help lists the recipes and their settings, read only then."""

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the recipes below the options."""
        from napari_medkd.cli.recipe_options import describe
        from src_training.recipes import load

        recipes = load()
        with formatter.section("Recipes"):
            formatter.write_dl([(name, recipes[name].title) for name in recipes])
        for name in recipes:
            with formatter.section(f"Settings of {name} (--set key=value)"):
                formatter.write_dl(describe(recipes[name].config))


def train(
    recipe: Annotated[
        str | None, typer.Argument(metavar="RECIPE", help="How to train; the recipes are listed by --help.")
    ] = None,
    data: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="DIR",
            help="Folder with images/ and masks/, labels/ or instances/. May be given many times.",
        ),
    ] = None,
    val: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="DIR",
            help="Folder to validate on. May be given many times. [default: the validation cases of --data]",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(metavar="BASE", help="Installed model to start from. [default: as the recipe says]"),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="RUN", help="Folder of the run. [default: a new one, see runs list]"
        ),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A setting of the recipe. May be given many times."),
    ] = None,
    target_ms: Annotated[
        float | None,
        typer.Option(
            metavar="MS",
            help="Time that the encoder may take for an image on this computer, if a recipe searches for it.",
        ),
    ] = None,
    device: Annotated[
        str | None, typer.Option(metavar="NAME", help="auto, cpu, cuda or cuda:N. [default: auto]")
    ] = None,
    devices: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="GPUs that work together. [default: 1]")
    ] = None,
    precision: Annotated[
        Literal["auto", "32", "bf16", "fp16"] | None,
        typer.Option(metavar="auto|32|bf16|fp16", help="Arithmetic. [default: auto]"),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="Start of everything random. [default: 0]")
    ] = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="Return at once; see medkd runs watch and stop.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run of --out from its last checkpoint.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object at the end.")] = False,
) -> None:
    """Train a model by a recipe.

    The run is a folder and a process of its own. Ctrl+C asks it to save a checkpoint and stop; --resume goes
    on from there. A run that was detached, or whose terminal is gone, goes on by itself.

    Under torchrun the processes that it started do the run together, on one computer or on many.
    """
    given = {
        "recipe": recipe, "data": _absolute(data), "validation": _absolute(val), "base": model,
        "options": set_, "device": device, "devices": devices, "precision": precision, "seed": seed,
    }  # fmt: skip
    if target_ms is not None:
        given["options"] = [*(set_ or ()), f"target_ms={target_ms}"]
    given = {key: value for key, value in given.items() if value is not None}
    if is_one_of_many():
        raise typer.Exit(join(None if resume else _spec(given), out))
    handle = _resume(out, given) if resume else _start(out, given)
    if not detach:
        follow(handle, json)
    print_run(handle, json, detach)


def _start(out: Path | None, given: dict[str, Any]) -> "RunHandle":
    from napari_medkd import runs

    spec = _spec(given)
    return runs.start(spec, runs.new_folder(spec.recipe) if out is None else out)


def _spec(given: dict[str, Any]) -> "RunSpec":
    """Check what was asked for, before anything is started."""
    from napari_medkd.cli.recipe_options import read
    from napari_medkd.models.store import ModelStore
    from napari_medkd.runs import RunSpec
    from src_training.recipes import load

    recipes = load()
    if "recipe" not in given:
        raise InvalidSetting("Training needs a recipe.", f"Known: {', '.join(recipes)}.")
    options = read(given["recipe"], recipes[given["recipe"]].config, given.pop("options", ()))
    if not given.get("data"):
        raise InvalidSetting("Training needs images.", "Name their folder: --data DIR, as often as needed.")
    for folder in (*given["data"], *given.get("validation", ())):
        if not Path(folder).is_dir():
            raise UnreadableFile(f"{folder} is not a folder.", "Give a folder with images/ and their masks.")
    if "base" in given:
        ModelStore().get(given["base"])
    need_torch()
    return RunSpec(options=options, **given)


def _resume(out: Path | None, given: dict[str, Any]) -> "RunHandle":
    from napari_medkd import runs

    if out is None:
        raise InvalidSetting("--resume needs the run.", "Name it: --out RUN, its id or its folder.")
    folder = runs.find(str(out))
    if given:
        raise InvalidSetting(
            f"A run is resumed as it was started, without another {next(iter(given))}.",
            f"Use only: medkd train --resume --out {out}",
        )
    need_torch()
    return runs.resume(folder)


def _absolute(folders: list[Path] | None) -> tuple[str, ...] | None:
    return None if folders is None else tuple(str(folder.absolute()) for folder in folders)
