"""OME-Zarr of several versions read, left on the disk where it is large, and masks written in pieces."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from napari_medkd.core.geometry import Geometry, Plane
from napari_medkd.core.volume import Volume
from napari_medkd.core.window import Window
from napari_medkd.errors import UnreadableFile
from napari_medkd.io import is_readable, open_volume, read_label_names, read_labels, read_volume, write_labels
from napari_medkd.io.ome_zarr import reader, writer
from tests.io.grids import SHAPE, labels, oblique, values

if TYPE_CHECKING:
    from pathlib import Path

zarr = pytest.importorskip("zarr")
RGB = [{"color": colour} for colour in ("FF0000", "00FF00", "0000FF")]


def save(
    path: Path, data: np.ndarray, axes: str, scale: list[float] | None = None, version: int = 2, **more: Any
) -> Path:
    """Write an image with one level, as another program would."""
    group = zarr.open_group(str(path), mode="w", zarr_format=version)
    group.create_array("0", data=data, chunks=tuple(max(1, n // 2) for n in data.shape))
    named = [{"name": axis, **({"unit": "micrometer"} if axis in "zyx" else {})} for axis in axes]
    level: dict[str, Any] = {"path": "0"}
    if scale:
        level["coordinateTransformations"] = [{"type": "scale", "scale": scale}]
    about = {"multiscales": [{"axes": named, "datasets": [level]}], **more}
    group.attrs.update(about if version == 2 else {"ome": about})
    return path


@pytest.mark.parametrize("version", [2, 3])
def test_an_image_is_read_with_its_spacing(tmp_path, version):
    path = save(tmp_path / "a.ome.zarr", values(), "zyx", [2000, 500, 250], version)
    volume = read_volume(path)
    assert is_readable(path) and np.array_equal(volume.data, values())
    assert volume.geometry.spacing == (2.0, 0.5, 0.25) and (volume.name, volume.modality) == ("a", "GRAY")


def test_time_and_channels_are_chosen_and_colours_stay_together(tmp_path):
    data = np.arange(2 * 4 * 3 * 5 * 6, dtype=np.uint16).reshape(2, 4, 3, 5, 6)
    path = save(tmp_path / "a.zarr", data, "tczyx")
    volume = read_volume(path, frame=5)  # channel 1 of time 1
    assert np.array_equal(volume.data, data[1, 1]) and "Frame 5 of 0 to 7" in volume.notes[0]
    picture = np.random.default_rng(0).integers(0, 255, (3, 5, 6), dtype=np.uint8)
    seen = read_volume(save(tmp_path / "b.zarr", picture, "cyx", omero={"channels": RGB}))
    assert seen.is_rgb and np.array_equal(seen.data[0], picture.transpose(1, 2, 0))
    stains = read_volume(save(tmp_path / "c.zarr", picture, "cyx", omero={"channels": RGB[:1] * 3}))
    assert not stains.is_rgb and np.array_equal(stains.data[0], picture[0])


def test_old_ones_and_folders_of_a_converter(tmp_path):
    group = zarr.open_group(str(tmp_path / "a.zarr"), mode="w", zarr_format=2)
    group.attrs["bioformats2raw.layout"] = 3
    inner = save(tmp_path / "a.zarr" / "0", values()[np.newaxis, np.newaxis], "tczyx")
    attributes = json.loads((inner / ".zattrs").read_text())
    del attributes["multiscales"][0]["axes"]  # version 0.1
    (inner / ".zattrs").write_text(json.dumps(attributes))
    assert np.array_equal(read_volume(tmp_path / "a.zarr").data, values())


def test_what_is_no_image_is_a_sentence(tmp_path):
    plate = zarr.open_group(str(tmp_path / "p.zarr"), mode="w", zarr_format=2)
    plate.attrs["plate"] = {}
    with pytest.raises(UnreadableFile, match="plate of wells"):
        read_volume(tmp_path / "p.zarr")
    zarr.open_group(str(tmp_path / "e.zarr"), mode="w", zarr_format=2)
    with pytest.raises(UnreadableFile, match="without an OME-Zarr image"):
        read_volume(tmp_path / "e.zarr")
    with pytest.raises(UnreadableFile, match="has the axes q, y, x"):
        read_volume(save(tmp_path / "q.zarr", values(), "qyx"))
    (tmp_path / "f.zarr").mkdir()
    assert not is_readable(tmp_path / "f.zarr")


def test_a_large_one_stays_on_the_disk_and_slices_as_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(reader, "_LARGE", 10)
    data = np.random.default_rng(1).integers(0, 999, (2, 4, 5, 7)).astype(">u2")
    volume = open_volume(save(tmp_path / "a.zarr", data, "czyx"))
    assert not isinstance(volume.data, np.ndarray) and volume.data.nbytes == 4 * 5 * 7 * 2
    for key in (2, -1, slice(1, 3), (slice(None), 4), (1, slice(1, 9, 2), slice(None, None, 3)), (0, 1, 2)):
        assert np.array_equal(volume.data[key], data[0][key]), key
    assert np.array_equal(volume.slice(Plane(2, 3)), data[0][:, :, 3])
    assert np.array_equal(np.asarray(volume.data), data[0])
    part = volume.part(Plane(1, 2), slice(1, 3), slice(None, None, 2))
    assert np.array_equal(part, data[0][1:3, 2, ::2])
    with pytest.raises(IndexError):
        volume.data[4]
    picture = open_volume(save(tmp_path / "b.zarr", data[0, 0], "yx"))
    assert picture.shape == (1, 5, 7) and np.array_equal(picture.data[0, 1:2], data[0, 0, 1:2])


def test_a_mask_comes_back_with_its_place_and_names(tmp_path):
    image = Volume(values(), Geometry(SHAPE, oblique(2)), "MR", Window(0, 9), "image")
    path = tmp_path / "mask.ome.zarr"
    for mask in (labels(2), labels(300)):  # the second takes the place of the first
        write_labels(path, mask, image, {1: "liver", 300: "stone"}, model="fast")
        assert np.array_equal(read_labels(path, like=image), mask)
    assert read_label_names(path) == {1: "liver", 300: "stone"}
    assert read_volume(path).geometry.same_grid(image.geometry)
    assert [one.name for one in tmp_path.iterdir()] == ["mask.ome.zarr"]
    about = json.loads((path / ".zattrs").read_text())
    assert [one["label-value"] for one in about["image-label"]["colors"]] == [1, 300]


def test_a_wide_mask_has_coarser_levels_and_no_empty_pieces(tmp_path, monkeypatch):
    monkeypatch.setattr(writer, "_PIECE", 16)
    monkeypatch.setattr(writer, "_SMALLEST", 8)
    mask = np.zeros((1, 50, 37), np.uint8)
    mask[0, 40:, 30:] = 7
    image = Volume.from_array(np.zeros((50, 37), np.uint8))
    path = write_labels(tmp_path / "mask.ome.zarr", mask, image)
    group = zarr.open_group(str(path), mode="r")
    assert [group[str(level)].shape for level in range(4)] == [
        (1, 50, 37),
        (1, 25, 19),
        (1, 13, 10),
        (1, 7, 5),
    ]
    assert np.array_equal(group["2"][:], mask[:, ::4, ::4])
    pieces = {one.relative_to(path / "0").as_posix() for one in (path / "0").rglob("*") if one.is_file()}
    assert pieces == {".zarray", ".zattrs", "0/2/1", "0/2/2", "0/3/1", "0/3/2"}
