"""Write the reference pages that are made from the code, so that each fact has one source.

``python scripts/reference.py`` writes them; ``--check`` only tells, by its exit code, whether they are new.
"""

from __future__ import annotations

import argparse
import sys
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pydantic import BaseModel

ROOT = Path(__file__).resolve().parent.parent
_MEANINGS = {"schema_version": "Version of this form."}
NOTE = "<!-- Written by scripts/reference.py from the code; change it there. -->\n"


def main() -> int:
    """Write the pages, or compare them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 where a page is old")
    check = parser.parse_args().check
    old = [path for path, text in pages().items() if not path.exists() or path.read_text("utf-8") != text]
    for path in old:
        if not check:
            path.write_text(pages()[path], encoding="utf-8")
        sys.stdout.write(f"{'out of date' if check else 'written'}: {path.relative_to(ROOT)}\n")
    return 1 if check and old else 0


def pages() -> dict[Path, str]:
    """Return every generated page by where it belongs."""
    reference = ROOT / "docs" / "reference"
    texts = {
        reference / "command-line.md": command_line(),
        reference / "keys.md": keys(),
        reference / "formats.md": formats(),
        reference / "model-card.md": model_card(),
        ROOT / "docs" / "guides" / "models.md": models(),
        ROOT / "docs" / "guides" / "train.md": train(),
        reference / "json.md": json_outputs(),
        reference / "batch.md": batch(),
        reference / "corrections.md": corrections(),
        ROOT / "docs" / "changelog.md": (ROOT / "CHANGELOG.md").read_text("utf-8"),
        **recipe_pages(),
    }
    return {path: NOTE + "\n" + text.rstrip() + "\n" for path, text in texts.items()}


def command_line() -> str:
    """Describe every command from what typer knows of it."""
    from typer.main import get_command

    from napari_medkd.cli.app import app

    parts = [
        "# Commands",
        "Results go to standard output, sentences and progress to standard error. Exit codes: 0 done; 2 "
        "could not be done, with one sentence that says why and what to do; 1 a fault of the program, with "
        "where its log is; 130 interrupted. `medkd --debug …` shows log messages and tracebacks.",
    ]
    for name, command in _commands(get_command(app), "medkd"):
        parts += [f"## {name}", *_command(name, command)]
    return "\n\n".join(parts)


def _commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    for key, child in getattr(command, "commands", {}).items():
        if hasattr(child, "commands"):
            yield from _commands(child, f"{name} {key}")
        else:
            yield f"{name} {key}", child


def _command(name: str, command: Any) -> Iterator[str]:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and p.name != "help"]
    words = [name, *(_argument(p) for p in arguments), *(["[OPTIONS]"] if options else [])]
    yield f"```text\n{' '.join(words)}\n```"
    yield " ".join(command.help.split("\n\n")[0].split())
    yield from (" ".join(part.split()) for part in command.help.split("\n\n")[1:])
    rows = [(f"`{_argument(p)}`", p.help or "") for p in arguments]
    rows += [(_option(p), (p.help or "") + (" **Required.**" if p.required else "")) for p in options]
    if rows:
        yield table(("Argument or option", "Meaning"), rows)


def _argument(parameter: Any) -> str:
    name = (parameter.metavar or parameter.name.upper()).strip("[]")
    return name if parameter.required else f"[{name}]"


def _option(parameter: Any) -> str:
    names = ", ".join(f"`{name}`" for name in parameter.opts)
    if parameter.is_flag:
        return names
    value = (parameter.metavar or parameter.name.upper()).replace("|", "\\|")
    return f"{names} *{value}*"


def keys() -> str:
    """Describe the keys and mouse gestures from the table that binds them."""
    from napari_medkd.widgets.keys import GESTURES, KEYS

    parts = [
        "# Keys and mouse",
        "They work whichever of the layers of the image is selected. `F1` shows this sheet in the viewer.",
    ]
    for group in dict.fromkeys(key.group for key in KEYS):
        rows = [
            (" or ".join(f"`{label}`" for label in key.labels), key.title, key.tooltip)
            for key in KEYS
            if key.group == group
        ]
        parts += [f"## {group}", table(("Key", "Action", "What happens"), rows)]
    parts += ["## Mouse", table(("Gesture", "What it does"), [(g.how, g.title) for g in GESTURES])]
    return "\n\n".join(parts)


def formats() -> str:
    """List the file formats from the registry that reads them."""
    from napari_medkd import io  # noqa: F401 - registers them
    from napari_medkd.io.file_format import formats as registered

    found = {format_.name: format_ for format_ in (registered[suffix] for suffix in registered)}
    rows = [
        (
            format_.name,
            ", ".join(f"`{suffix}`" for suffix in format_.suffixes),
            "yes" if format_.write else "no",
            "yes" if format_.keeps_names else "no",
        )
        for format_ in sorted(found.values(), key=lambda format_: format_.name.lower())
    ]
    text = (ROOT / "docs" / "reference" / "formats.in.md").read_text("utf-8")
    return text.replace("{{table}}", table(("Format", "Endings", "Masks written", "With class names"), rows))


def models() -> str:
    """List the published checkpoints from the catalogue."""
    from napari_medkd.models.catalogue import entries

    sure = {"verified": "yes", "advisory": "reported", "none": "unknown"}
    rows = [
        (
            f"`{entry.id}`",
            entry.card.title,
            f"{entry.card.parameters / 1e6:.1f} M",
            "box only" if entry.card.capabilities == {"box"} else "boxes, clicks, scribbles, lassos",
            entry.card.licence,
            f"`{entry.file_name}`",
            sure[entry.assurance],
        )
        for entry in entries()
    ]
    columns = ("Id", "Model", "Parameters", "Prompts", "Licence of the weights", "File", "File checked")
    text = (ROOT / "docs" / "guides" / "models.in.md").read_text("utf-8")
    return text.replace("{{table}}", table(columns, rows))


def train() -> str:
    """Describe recipes, the order of a run and its events from their models."""
    from napari_medkd.runs.events import KINDS
    from napari_medkd.runs.spec import RunSpec
    from src_training.recipes import load

    recipes = load()
    rows = [
        (
            f"`{kind.model_fields['kind'].default}`",
            " ".join((kind.__doc__ or "").split()),
            "<br>".join(
                f"`{name}`: {_type(field.annotation)}. {field.description}"
                for name, field in kind.model_fields.items()
                if name not in ("v", "t", "kind")
            ),
        )
        for kind in KINDS
    ]
    places = {
        "{{recipes}}": table(("Recipe", "What it trains"), [(f"`{n}`", recipes[n].title) for n in recipes]),
        "{{spec}}": fields(RunSpec, defaults=False),
        "{{events}}": table(("Kind", "When", "What it carries"), rows),
    }
    text = (ROOT / "docs" / "guides" / "train.in.md").read_text("utf-8")
    for place, content in places.items():
        text = text.replace(place, content)
    return text


def recipe_pages() -> dict[Path, str]:
    """Put the settings of each recipe into its page, where the page has a place for them."""
    from src_training.recipes import load

    recipes = load()
    found = {}
    for page in sorted((ROOT / "docs" / "recipes").glob("*.in.md")):
        name = page.name.removesuffix(".in.md")
        text = page.read_text("utf-8").replace("{{settings}}", fields(recipes[name].config))
        found[page.with_name(f"{name}.md")] = text
    return found


def model_card() -> str:
    """Describe the fields of a model card."""
    from napari_medkd.models.card import Architecture, ModelCard, Preprocessing, Target

    parts = [
        "# Model card",
        "A model package is a folder with `card.json` and the files that it names, each with its SHA-256: "
        "`model.safetensors` for torch, `encoder.onnx` and `decoder.onnx` for ONNX Runtime. Unknown fields "
        "are an error.",
    ]
    for model in (ModelCard, Architecture, Preprocessing, Target):
        parts += [f"## {model.__name__}", (model.__doc__ or "").strip(), fields(model)]
    return "\n\n".join(parts)


def corrections() -> str:
    """Describe what a store of corrections holds, from its models and its tables."""
    from napari_medkd.corrections import Mark, Record, schema

    columns = {
        name: ", ".join(f"`{column.name}`" for column in found.columns)
        for name, found in schema.metadata.tables.items()
    }
    places = {
        "{{version}}": str(schema.version()),
        "{{record}}": fields(Record, defaults=False),
        "{{mark}}": fields(Mark, defaults=False),
        "{{tables}}": table(("Table", "Columns"), [(f"`{name}`", columns[name]) for name in columns]),
    }
    text = (ROOT / "docs" / "reference" / "corrections.in.md").read_text("utf-8")
    for place, content in places.items():
        text = text.replace(place, content)
    return text


def batch() -> str:
    """Describe the options of a batch and the rows of its report."""
    from napari_medkd.batch.config import BatchConfig
    from napari_medkd.batch.row import Class, Measure, Row

    text = (ROOT / "docs" / "reference" / "batch.in.md").read_text("utf-8")
    places = {
        "{{config}}": fields(BatchConfig),
        "{{row}}": fields(Row, defaults=False),
        "{{class}}": fields(Class, defaults=False),
        "{{measure}}": fields(Measure, defaults=False),
    }
    for place, content in places.items():
        text = text.replace(place, content)
    return text


def json_outputs() -> str:
    """Describe what ``--json`` prints."""
    from napari_medkd.cli import batch_report, corrections_report, reports, run_report
    from napari_medkd.corrections import summary
    from src_training.evaluation import report as evaluation

    parts = [
        "# JSON output",
        "With `--json`, a command prints exactly one object on standard output. Where it cannot do what was "
        "asked it prints nothing there, a sentence on standard error, and exits with 2. `schema_version` "
        "rises when a field changes its meaning; new fields may come at any time. `medkd evaluate` writes "
        "its object to the file that is given.",
    ]
    models = (
        reports.InfoReport,
        reports.SegmentReport,
        reports.SuggestReport,
        reports.FoundReport,
        reports.ModelsReport,
        reports.ModelReport,
        reports.ExportReport,
        batch_report.BatchReport,
        batch_report.FailureReport,
        run_report.RunReport,
        run_report.RunsReport,
        corrections_report.CorrectionsReport,
        corrections_report.CorrectionReport,
        summary.ClassSummary,
        summary.CaseSummary,
        corrections_report.ImportReport,
        corrections_report.CorrectionsExportReport,
        corrections_report.DeletionReport,
        reports.ClickReport,
        reports.WindowReport,
        evaluation.EvaluationReport,
        evaluation.SetReport,
        evaluation.Summary,
        evaluation.Row,
        evaluation.Scores,
        evaluation.Clicks,
    )
    for model in models:
        parts += [f"## {model.__name__}", (model.__doc__ or "").strip(), fields(model, defaults=False)]
    return "\n\n".join(parts)


def fields(model: type[BaseModel], defaults: bool = True) -> str:
    """Return a table of the fields of a pydantic model."""
    rows = []
    for name, field in model.model_fields.items():
        default = "required" if field.is_required() else f"`{field.get_default(call_default_factory=True)!r}`"
        meaning = field.description or _MEANINGS.get(name, "")
        row = (f"`{name}`", _type(field.annotation), *((default,) if defaults else ()), meaning)
        rows.append(row)
    return table(("Field", "Type", *(("Default",) if defaults else ()), "Meaning"), rows)


def _type(annotation: Any) -> str:
    """Write a type as people read it."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation is type(None):
        return "null"
    if origin in (Union, types.UnionType):
        return " or ".join(map(_type, arguments))
    if origin is None:
        return str(getattr(annotation, "__name__", annotation))
    if getattr(origin, "__name__", str(origin)) in ("Literal",) or "Literal" in str(origin):
        return " or ".join(f"`{argument!r}`" for argument in arguments)
    inner = ", ".join("…" if argument is Ellipsis else _type(argument) for argument in arguments)
    return f"{origin.__name__}[{inner}]"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(cell.replace("\n", " ") for cell in line) + " |" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
