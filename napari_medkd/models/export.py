"""Write a model for ONNX Runtime, compare it with torch, and put it beside its weights.

``python -m napari_medkd.models.export ID`` does so in a process of its own and reports in JSON lines; the
viewer uses that, since importing torch in its own process would freeze it for most of a second.
"""

from __future__ import annotations

import argparse
import logging
import shutil
import sys
import tempfile
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_medkd.errors import ModelUnavailable, missing_extra
from napari_medkd.models.checkpoint import sha256, write_state
from napari_medkd.models.half import halve_onnx, halved, strip_onnx
from napari_medkd.models.jobs import report
from napari_medkd.models.package import CARD, DECODER, ENCODER, WEIGHTS
from napari_medkd.models.store import ModelStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from napari_medkd.models.card import ModelCard
    from napari_medkd.models.promptable import PromptableModel

_OPSET = 18
_LARGEST = 1.9e9  # bytes; the format's limit is 2 GiB with the graph


class Allowed(NamedTuple):
    """How far an exported model may be from the original."""

    difference: float  # of the range of what is compared
    overlap: float  # intersection over union of the masks, at least


_EXACT = Allowed(1e-3, 0.999)  # float32 rounding over 30 layers is a hundred times smaller
_ROUNDED = Allowed(1e-2, 0.995)  # weights that were merged by the exporter are rounded once more


def export_onnx(
    model_id: str, store: ModelStore | None = None, progress: Callable[[str], None] | None = None
) -> dict[str, Path]:
    """Export a model and add the two files to its package.

    Returns
    -------
    files : dict
        ``encoder.onnx`` and ``decoder.onnx`` → where they lie.

    Raises
    ------
    ModelUnavailable
        Where the exported model does not answer like the original; nothing is added then.
    """
    store = store or ModelStore()
    tell = progress or (lambda sentence: None)
    card = store.get(model_id)
    tell(f"Loading {card.title}…")
    model = store.build(model_id)
    with tempfile.TemporaryDirectory(prefix="medkd-export-") as folder:
        encoder, decoder = Path(folder) / ENCODER, Path(folder) / DECODER
        tell(f"Preparing {card.title} for this computer, once…")
        write_onnx(model, card, encoder, decoder)
        tell("Comparing the prepared model with the original…")
        compare(model, card, encoder, decoder)
        store.install(card, {ENCODER: encoder, DECODER: decoder}, keep=True)
    files = store.files(model_id)
    return {name: files[name] for name in (ENCODER, DECODER)}


def write_package(
    model: PromptableModel, card: ModelCard, folder: Path, known: Path | None = None
) -> ModelCard:
    """Write a model as a package that runs with torch and without it: card, weights in 16 bits, both graphs.

    Parameters
    ----------
    model : PromptableModel
        The network; its large weights are rounded to what the files hold.
    card : ModelCard
        What it is; its `files` are filled in.
    folder : Path
        Where the package goes; made where it is missing, files of the same names are replaced.
    known : Path, optional
        The encoder's graph in 16 bits, where a model with the very same encoder has one: most of the work.

    Returns
    -------
    card : ModelCard
        As written.

    Raises
    ------
    ModelUnavailable
        Where the graphs do not answer like the network; nothing is written then.
    """
    model.load_state_dict(halved(model.state_dict()))  # rounded here, all that is written agrees
    with tempfile.TemporaryDirectory(prefix="medkd-package-") as made:
        staging = Path(made)
        encoder, decoder = staging / ENCODER, staging / DECODER
        if known is not None:
            shutil.copyfile(known, encoder)
        made_now = [decoder] if known is not None else [encoder, decoder]
        write_onnx(model, card, None if known is not None else encoder, decoder)
        for path in made_now:
            halve_onnx(path)
        compare(model, card, encoder, decoder, _ROUNDED)
        write_state(halved(model.state_dict()), staging / WEIGHTS)
        names = (WEIGHTS, ENCODER, DECODER)
        card = card.model_copy(update={"files": {name: sha256(staging / name) for name in names}})
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            shutil.copyfile(staging / name, folder / name)
        (folder / CARD).write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return card


def write_onnx(model: PromptableModel, card: ModelCard, encoder: Path | None, decoder: Path) -> None:
    """Write both graphs or the decoder alone; the number of tokens is free, everything else fixed."""
    weights = sum(parameter.nbytes for parameter in model.image_encoder.parameters())
    if weights > _LARGEST:
        raise ModelUnavailable(
            f"{card.title} is too large for an ONNX file ({weights / 1e9:.1f} GB, at most 2 GB).",
            "Use the runtime torch for this model.",
        )
    try:
        import onnxscript  # noqa: F401  # torch's exporter needs it
        import torch

        from napari_medkd.models.graphs import DecoderGraph, EncoderGraph
    except ModuleNotFoundError as error:
        raise missing_extra(str(error.name), "torch", "Exporting a model") from error
    image, *prompt = (torch.from_numpy(array) for array in example_inputs(card))
    with torch.inference_mode():
        features = tuple(feature.clone() for feature in model.encode(image))
    names = feature_names(len(features))
    tokens = torch.export.Dim("tokens", min=1, max=256)
    fixed: dict[str, Any] = {
        "opset_version": _OPSET,
        "dynamo": True,
        "external_data": False,
        "verbose": False,
    }
    try:
        with _quiet():
            if encoder is not None:
                torch.onnx.export(
                    EncoderGraph(model).eval(),
                    (image,),
                    encoder,
                    input_names=["image"],
                    output_names=names,
                    **fixed,
                )
            torch.onnx.export(
                DecoderGraph(model).eval(),
                (features, *prompt),
                decoder,
                input_names=[*names, "coordinates", "labels", "mask", "has_mask"],
                output_names=["logits", "scores"],
                dynamic_shapes=(tuple({} for _ in names), {1: tokens}, {1: tokens}, {}, {}),
                **fixed,
            )
        for path in (encoder, decoder):
            if path is not None:
                strip_onnx(path)
    except (torch.onnx.OnnxExporterError, RuntimeError) as error:
        raise ModelUnavailable(
            f"{card.title} cannot be exported: {str(error).strip().partition(chr(10))[0]}",
            "Use the runtime torch for this model.",
        ) from error


def compare(
    model: PromptableModel, card: ModelCard, encoder: Path, decoder: Path, allowed: Allowed = _EXACT
) -> None:
    """Raise `ModelUnavailable` where ONNX Runtime answers otherwise than torch on a made-up image."""
    import torch
    from onnxruntime import InferenceSession

    image, coordinates, labels, mask, has_mask = example_inputs(card)
    graphs = [InferenceSession(path, providers=["CPUExecutionProvider"]) for path in (encoder, decoder)]
    with torch.inference_mode():
        features = [feature.numpy() for feature in model.encode(torch.from_numpy(image))]
        for wanted, made in zip(features, graphs[0].run(None, {"image": image}), strict=True):
            _check_close(card, "embedding", wanted, made, allowed)
        seen = dict(zip(feature_names(len(features)), features, strict=True))
        for count, flag in ((labels.shape[1], has_mask), (2, 0 * has_mask)):
            prompt = {"coordinates": coordinates[:, :count], "labels": labels[:, :count]}
            previous = torch.from_numpy(mask) if flag else None
            points, kinds = (torch.from_numpy(array) for array in prompt.values())
            given = [torch.from_numpy(feature) for feature in features]
            logits, scores = model.decode(given, points, kinds, previous)
            found = graphs[1].run(["logits", "scores"], {**seen, **prompt, "mask": mask, "has_mask": flag})
            _check_close(card, "score", scores.numpy(), found[1], allowed)
            _check_close(card, "answer", logits.numpy(), found[0], allowed)
            _check_overlap(card, logits.numpy() > 0, found[0] > 0, allowed)


def feature_names(count: int) -> list[str]:
    """Return what the encoder's outputs are called in a graph: the embedding, then the finer maps."""
    return ["features", *(f"skip_{number}" for number in range(1, count))]


def example_inputs(card: ModelCard) -> tuple[NDArray[np.float32], ...]:
    """Return made-up inputs of a model: image, coordinates, labels, mask, has_mask."""
    generator = np.random.default_rng(0)
    size, frame, grid = card.preprocessing.size, card.preprocessing.prompt_frame, card.architecture.grid
    row, column = np.mgrid[:size, :size].astype(np.float32) / size
    image = np.exp(-((row - 0.5) ** 2 + (column - 0.4) ** 2) * 20)
    image = np.broadcast_to(image, (1, 3, size, size)) + generator.normal(0, 0.02, (1, 3, size, size))
    coordinates = np.array([[[0.2, 0.3], [0.6, 0.7], [0.4, 0.5]]]) * frame
    labels = np.array([[2, 3, 1]])
    mask = generator.normal(0, 4, (1, 1, 4 * grid, 4 * grid))
    arrays = (image, coordinates, labels, mask, np.ones(1))
    return tuple(np.ascontiguousarray(array, dtype=np.float32) for array in arrays)


def main(arguments: Sequence[str] | None = None) -> int:
    """Export in a process of its own; a JSON object a line: progress, then finished or failed."""
    parser = argparse.ArgumentParser(prog="python -m napari_medkd.models.export")
    parser.add_argument("id")
    parser.add_argument("--folder", type=Path, help="model folder, instead of the user's own")
    chosen = parser.parse_args(arguments)
    store = ModelStore(chosen.folder)
    return report(lambda tell: {"files": sorted(export_onnx(chosen.id, store, tell))})


def _check_close(
    card: ModelCard, what: str, wanted: NDArray[Any], found: NDArray[Any], allowed: Allowed
) -> None:
    difference = float(np.abs(wanted - found).max())
    limit = allowed.difference * max(1.0, float(np.abs(wanted).max()))
    if not difference <= limit:
        raise ModelUnavailable(
            f"The {what} of the exported {card.title} differs from the original by {difference:.3g} "
            f"(at most {limit:.3g} is expected).",
            "Use the runtime torch for this model.",
        )


def _check_overlap(
    card: ModelCard, wanted: NDArray[np.bool_], found: NDArray[np.bool_], allowed: Allowed
) -> None:
    either = int((wanted | found).sum())
    overlap = float((wanted & found).sum()) / either if either else 1.0
    if overlap < allowed.overlap:
        raise ModelUnavailable(
            f"The exported {card.title} gives other masks than the original (IoU {overlap:.4f}).",
            "Use the runtime torch for this model.",
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence what the exporter says about itself; nothing in it is for the user to act on."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    with warnings.catch_warnings():
        for module in (r"torch\.", r"onnxscript", r"copyreg", r"segment_anything"):
            warnings.filterwarnings("ignore", module=module)
        log.setLevel(logging.ERROR)
        try:
            yield
        finally:
            log.setLevel(level)


if __name__ == "__main__":
    sys.exit(main())
