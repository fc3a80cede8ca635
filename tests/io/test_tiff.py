from __future__ import annotations

import struct
import subprocess
import sys

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_medkd.errors import UnreadableFile
from napari_medkd.io import read_volume
from napari_medkd.io.tiff_pages import pages_run_in_circles
from tests.io.grids import values

RNG = np.random.default_rng(0)
COLOUR = RNG.integers(0, 255, (5, 7, 3)).astype(np.uint8)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "float32"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_pages_are_slices_at_their_own_depth(tmp_path, dtype, compression):
    tifffile.imwrite(tmp_path / "a.tif", values(dtype), photometric="minisblack", compression=compression)
    volume = read_volume(tmp_path / "a.tif")
    assert volume.data.dtype == dtype and np.array_equal(volume.data, values(dtype))
    assert not volume.geometry.from_file


@pytest.mark.parametrize(("stored", "seen"), [("int64", "int16"), ("float64", "float32"), (">u2", "uint16")])
def test_other_types_become_plain(tmp_path, stored, seen):
    tifffile.imwrite(tmp_path / "a.tif", values("uint16").astype(stored), photometric="minisblack")
    volume = read_volume(tmp_path / "a.tif")
    assert volume.data.dtype == np.dtype(seen) and np.array_equal(volume.data, values("uint16"))


def test_a_stack_of_hounsfield_units_is_a_ct(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", (values() * 20).astype(np.int16), photometric="minisblack")
    assert read_volume(tmp_path / "a.tif").modality == "CT"


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_colours_of_one_page_and_of_many(tmp_path, planar):
    stored = COLOUR if planar == "contig" else np.moveaxis(COLOUR, -1, 0)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", planarconfig=planar)
    assert np.array_equal(read_volume(tmp_path / "a.tif").data[0], COLOUR)
    stack = np.stack([COLOUR, COLOUR[::-1]])
    tifffile.imwrite(tmp_path / "b.tif", stack, photometric="rgb")
    assert np.array_equal(read_volume(tmp_path / "b.tif").data, stack)


def test_sixteen_bit_colours_keep_their_upper_eight(tmp_path):
    wide = COLOUR.astype(np.uint16) << 8
    wide[0, 0] = 0xFFFF
    tifffile.imwrite(tmp_path / "a.tif", wide, photometric="rgb")
    assert np.array_equal(read_volume(tmp_path / "a.tif").data[0], (wide >> 8).astype(np.uint8))


@pytest.mark.parametrize(("kind", "factor"), [("assocalpha", 1.0), ("unassalpha", 0.5)])
def test_opacity_that_is_multiplied_in_already_is_not_applied_twice(tmp_path, kind, factor):
    opacity = np.full((5, 7, 1), 128, np.uint8)
    rgba = np.concatenate([COLOUR, opacity], axis=-1)
    tifffile.imwrite(tmp_path / "a.tif", rgba, photometric="rgb", extrasamples=[kind])
    assert np.allclose(read_volume(tmp_path / "a.tif").data[0], COLOUR * factor, atol=1)


def test_imagej_gives_millimetres_where_it_knows_the_unit(tmp_path):
    metadata = {"axes": "ZYX", "spacing": 3.0, "unit": "um"}
    tifffile.imwrite(tmp_path / "a.tif", values("uint16"), imagej=True, resolution=(2, 4), metadata=metadata)
    volume = read_volume(tmp_path / "a.tif")
    assert volume.geometry.spacing == pytest.approx((0.003, 0.00025, 0.0005))


def test_dots_per_inch_are_not_taken_for_a_size(tmp_path):
    Image.fromarray(COLOUR).save(tmp_path / "a.tif", dpi=(72, 72))
    assert read_volume(tmp_path / "a.tif").geometry.spacing == (1.0, 1.0, 1.0)


def test_ome_gives_millimetres(tmp_path):
    sizes = {"PhysicalSizeX": 0.5, "PhysicalSizeXUnit": "µm", "PhysicalSizeY": 250, "PhysicalSizeYUnit": "nm"}
    metadata = {"axes": "ZYX", **sizes, "PhysicalSizeZ": 2.0}
    tifffile.imwrite(tmp_path / "a.ome.tif", values("uint16"), ome=True, metadata=metadata)
    volume = read_volume(tmp_path / "a.ome.tif")
    assert volume.geometry.spacing == pytest.approx((0.002, 0.00025, 0.0005))
    assert np.array_equal(volume.data, values("uint16"))


def test_time_points_and_channels_are_frames(tmp_path):
    data = np.stack([values("uint16") + 1000 * i for i in range(6)]).reshape(3, 2, 4, 5, 7)
    data = np.moveaxis(data, 1, 2)  # T Z C Y X as ImageJ stores it
    tifffile.imwrite(tmp_path / "a.tif", data, imagej=True, metadata={"axes": "TZCYX"})
    for frame in range(6):
        volume = read_volume(tmp_path / "a.tif", frame=frame)
        assert np.array_equal(volume.data, values("uint16") + 1000 * frame)
    assert "Frame 5 of 0 to 5" in volume.notes[0]


def test_one_page_of_a_stack(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", values("uint16"), photometric="minisblack")
    assert np.array_equal(read_volume(tmp_path / "a.tif", frame=2).data, values("uint16")[2:3])


def test_white_is_zero_is_inverted(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", COLOUR[..., 0], photometric="miniswhite")
    assert np.array_equal(read_volume(tmp_path / "a.tif").data[0], 255 - COLOUR[..., 0])


def test_orientation_tag(tmp_path):
    tag = (274, "H", 1, 6, False)
    tifffile.imwrite(tmp_path / "a.tif", COLOUR, photometric="rgb", extratags=[tag])
    assert np.array_equal(read_volume(tmp_path / "a.tif").data[0], np.rot90(COLOUR, -1))


def test_the_largest_of_several_images_is_taken(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(np.zeros((3, 3), np.uint8), photometric="minisblack")
        writer.write(COLOUR[..., 0], photometric="minisblack")
    volume = read_volume(tmp_path / "a.tif")
    assert np.array_equal(volume.data[0], COLOUR[..., 0]) and "largest of 2" in volume.notes[0]


@pytest.mark.parametrize("compression", ["tiff_lzw", "jpeg", "group4", "packbits", "tiff_deflate"])
def test_compressions_that_need_pillow_open_without_imagecodecs(tmp_path, compression):
    """In a fresh interpreter that cannot import imagecodecs, which is no dependency of ours."""
    picture = Image.fromarray(COLOUR) if compression != "group4" else Image.fromarray(COLOUR[..., 0] > 99)
    picture.save(tmp_path / "a.tif", compression=compression)
    code = (
        "import sys; sys.modules['imagecodecs'] = None\n"
        "from napari_medkd.io import read_volume\n"
        f"print(read_volume({str(tmp_path / 'a.tif')!r}).data.astype(int).sum())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) == read_volume(tmp_path / "a.tif").data.astype(int).sum()
    assert done.stderr == ""


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_cut_off_is_refused_not_filled_with_zeros(tmp_path, compression):
    noise = RNG.integers(0, 60_000, (3, 50, 60)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", noise, photometric="minisblack", compression=compression)
    content = (tmp_path / "a.tif").read_bytes()
    for share in (0.2, 0.6, 0.95):
        (tmp_path / "b.tif").write_bytes(content[: int(len(content) * share)])
        with pytest.raises(UnreadableFile):
            read_volume(tmp_path / "b.tif")


@pytest.mark.parametrize(("is_big", "order"), [(False, "<"), (False, ">"), (True, "<")])
def test_pages_in_circles_come_to_an_end(tmp_path, is_big, order):
    stack = values("uint8")
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, stack, photometric="minisblack", bigtiff=is_big, byteorder=order, metadata=None)
    with tifffile.TiffFile(path) as tif:
        offsets = [page.offset for page in tif.pages]
    assert not pages_run_in_circles(path)
    pointer, count, entry = (f"{order}Q", f"{order}Q", 20) if is_big else (f"{order}I", f"{order}H", 12)
    content = bytearray(path.read_bytes())
    entries = struct.unpack_from(count, content, offsets[-1])[0]
    end = offsets[-1] + struct.calcsize(count) + entries * entry
    struct.pack_into(pointer, content, end, offsets[1])  # after the last page comes the second again
    path.write_bytes(content)
    assert pages_run_in_circles(path)
    assert np.array_equal(read_volume(path).data, stack)
