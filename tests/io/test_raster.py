from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from napari_medkd.errors import UnreadableFile
from napari_medkd.io import read_volume

RNG = np.random.default_rng(0)
COLOUR = RNG.integers(0, 255, (5, 7, 3)).astype(np.uint8)
GREY = RNG.integers(0, 255, (5, 7)).astype(np.uint8)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tga", ".ppm", ".webp", ".jp2"])
def test_lossless_colours_are_exact(tmp_path, suffix):
    kwargs = {"lossless": True} if suffix == ".webp" else {}
    Image.fromarray(COLOUR).save(tmp_path / f"a{suffix}", **kwargs)
    volume = read_volume(tmp_path / f"a{suffix}")
    assert volume.is_rgb and np.array_equal(volume.data[0], COLOUR)
    assert (volume.modality, volume.name, volume.geometry.from_file) == ("RGB", "a", False)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".pgm", ".tga"])
def test_grey_is_exact(tmp_path, suffix):
    Image.fromarray(GREY).save(tmp_path / f"a{suffix}")
    volume = read_volume(tmp_path / f"a{suffix}")
    assert volume.modality == "GRAY" and np.array_equal(volume.data[0], GREY)


def test_sixteen_bits_are_kept(tmp_path):
    wide = (GREY.astype(np.uint16) * 257) ^ 3
    Image.fromarray(wide).save(tmp_path / "a.png")
    volume = read_volume(tmp_path / "a.png")
    assert volume.data.dtype == np.uint16 and np.array_equal(volume.data[0], wide)


def test_one_bit_is_black_and_white(tmp_path):
    Image.fromarray(GREY > 100).save(tmp_path / "a.png")
    assert np.array_equal(read_volume(tmp_path / "a.png").data[0], (GREY > 100) * np.uint8(255))


def test_a_palette_gives_its_colours_and_a_grey_one_greys(tmp_path):
    picture = Image.fromarray(GREY % 4)
    picture.putpalette([0, 0, 0, 200, 0, 0, 0, 150, 0, 9, 9, 90])
    picture.save(tmp_path / "a.png")
    expected = np.array([[0, 0, 0], [200, 0, 0], [0, 150, 0], [9, 9, 90]])[GREY % 4]
    assert np.array_equal(read_volume(tmp_path / "a.png").data[0], expected)
    picture.putpalette([level for i in range(4) for level in (i * 80,) * 3])
    picture.save(tmp_path / "b.png")
    assert np.array_equal(read_volume(tmp_path / "b.png").data[0], GREY % 4 * 80)


def test_opacity_is_shown_on_black(tmp_path):
    opacity = np.full((5, 7, 1), 255, np.uint8)
    opacity[0], opacity[1] = 0, 128
    Image.fromarray(np.concatenate([COLOUR, opacity], axis=-1)).save(tmp_path / "a.png")
    seen = read_volume(tmp_path / "a.png").data[0]
    assert not seen[0].any() and np.array_equal(seen[2:], COLOUR[2:])
    assert np.allclose(seen[1], COLOUR[1] * (128 / 255), atol=1)


def test_an_image_that_is_transparent_everywhere_keeps_its_colours(tmp_path):
    Image.fromarray(np.concatenate([COLOUR, np.zeros((5, 7, 1), np.uint8)], axis=-1)).save(tmp_path / "a.png")
    assert np.array_equal(read_volume(tmp_path / "a.png").data[0], COLOUR)


def test_grey_with_opacity_is_grey(tmp_path):
    Image.fromarray(np.stack([GREY, np.full_like(GREY, 255)], axis=-1), mode=None).save(tmp_path / "a.png")
    volume = read_volume(tmp_path / "a.png")
    assert not volume.is_rgb and np.array_equal(volume.data[0], GREY)


def test_cmyk_becomes_rgb(tmp_path):
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(tmp_path / "a.jpg")
    red, green, blue = read_volume(tmp_path / "a.jpg").data[0, 8, 8].astype(int)
    assert red > 240 and green < 15 and blue < 15


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_undone_as_pillow_does(tmp_path, orientation):
    from PIL import ImageOps

    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(COLOUR).save(tmp_path / "a.png", exif=exif)
    with Image.open(tmp_path / "a.png") as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    assert np.array_equal(read_volume(tmp_path / "a.png").data[0], expected)


def test_the_images_of_an_animation_are_slices_or_one_of_them(tmp_path):
    frames = [Image.new("L", (7, 5), level) for level in (10, 20, 30)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    volume = read_volume(tmp_path / "a.gif")
    assert volume.data[:, 0, 0].tolist() == [10, 20, 30]
    assert "3 images" in volume.notes[0]
    assert read_volume(tmp_path / "a.gif", frame=2).data[:, 0, 0].tolist() == [30]
    with pytest.raises(UnreadableFile, match="no image 3"):
        read_volume(tmp_path / "a.gif", frame=3)


def test_a_suffix_may_be_wrong_among_pictures(tmp_path):
    Image.fromarray(COLOUR).save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / "a.jpg")
    assert np.array_equal(read_volume(tmp_path / "a.jpg").data[0], COLOUR)


def test_a_bomb_is_refused_by_its_header(tmp_path):
    Image.new("1", (20_000, 20_000)).save(tmp_path / "a.png")
    with pytest.raises(UnreadableFile, match="400000000 pixels, more than can be opened"):
        read_volume(tmp_path / "a.png")
