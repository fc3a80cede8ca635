import nibabel
import numpy as np
import pytest
from PIL import Image

BOX = "22,9,44,31"


def read_png(path):
    with Image.open(path) as image:
        return np.asarray(image)


def test_a_box_gives_the_mask_and_what_was_done(medkd, segmenter, picture, disc, tmp_path):
    out = tmp_path / "mask.png"
    outcome = medkd("segment", picture, "--box", BOX, "--out", out, "--json")
    assert (outcome.code, outcome.err) == (0, "")
    assert np.array_equal(read_png(out) > 0, disc)
    report = outcome.json
    assert report["pixels"] == int(disc.sum())
    assert report["bounds"] == [24, 11, 42, 29]
    assert (report["axis"], report["slice"], report["model"]) == ("z", 0, "threshold")
    assert report["area_mm2"] is None
    assert set(report["seconds"]) == {"read", "load", "segment"}
    assert segmenter.closed


@pytest.mark.parametrize("point", ["33,20", "34.5,18"])
def test_a_click_inside_finds_the_object(medkd, segmenter, picture, disc, tmp_path, point):
    out = tmp_path / "mask.tif"
    outcome = medkd("segment", picture, "--point", point, "--out", out)
    assert outcome.code == 0
    assert "slice 0 along z" in outcome.out
    assert out.exists()


def test_a_click_with_a_minus_sign_is_outside(medkd, segmenter, picture, tmp_path):
    outcome = medkd(
        "segment", picture, "--point", "33,20", "--point=-0,5", "--out", tmp_path / "m.png", "--json"
    )
    assert outcome.code == 0
    assert outcome.json["points"] == [
        {"x": 33.0, "y": 20.0, "positive": True},
        {"x": 0.0, "y": 5.0, "positive": False},
    ]
    assert [point.positive for point in segmenter.asked[-1].points] == [True, False]


@pytest.mark.parametrize("axis", ["x", "y", "z"])
def test_a_slice_of_an_oblique_volume_keeps_grid_and_affine(medkd, segmenter, tmp_path, axis):
    data = np.zeros((12, 14, 9), np.int16)  # nibabel's order: x, y, z
    data[3:8, 4:11, 2:7] = 500
    affine = np.array([[0.9, -0.2, 0.1, 5], [0.2, 1.1, 0, -7], [0, 0.3, 2.5, 11], [0, 0, 0, 1.0]])
    source, out = tmp_path / "scan.nii.gz", tmp_path / "mask.nii.gz"
    nibabel.save(nibabel.Nifti1Image(data, affine), source)
    index = 5
    box = {"z": "3,4,7,10", "y": "3,2,7,6", "x": "4,2,10,6"}[axis]
    outcome = medkd(
        *("segment", source, "--axis", axis, "--slice", index, "--box", box, "--window", "0,500"),
        *("--out", out, "--json"),
    )
    assert outcome.code == 0, outcome.err
    mask = nibabel.load(out)
    np.testing.assert_allclose(mask.affine, affine, atol=1e-5)
    expected = np.zeros(data.shape, bool)
    place = [slice(None)] * 3
    place["xyz".index(axis)] = index
    expected[tuple(place)] = data[tuple(place)] > 0
    assert np.array_equal(np.asarray(mask.dataobj) > 0, expected)
    assert outcome.json["area_mm2"] > 0


def test_the_overlay_shows_the_slice_with_the_contour(medkd, segmenter, picture, tmp_path):
    overlay = tmp_path / "overlay.png"
    outcome = medkd("segment", picture, "--box", BOX, "--out", tmp_path / "m.png", "--overlay", overlay)
    assert outcome.code == 0
    shown = read_png(overlay).astype(int)
    assert shown.shape[1] >= 768 and shown.shape[1] * 41 == shown.shape[0] * 57
    orange = (np.abs(shown - [255, 127, 14]) < 30).all(axis=-1)
    rows, columns = np.nonzero(orange)
    scale = shown.shape[0] / 41
    assert rows.min() / scale == pytest.approx(11, abs=0.5)
    assert columns.max() / scale == pytest.approx(43, abs=0.5)


def test_pixels_of_the_overlay_are_square_millimetres(tmp_path):
    from napari_medkd.cli.overlay import draw_overlay
    from napari_medkd.core.geometry import Geometry, Plane
    from napari_medkd.core.prompts import Point, Prompt
    from napari_medkd.core.volume import Volume

    geometry = Geometry.image((10, 20, 40), spacing=(5.0, 1.0, 1.0))
    volume = Volume.from_array(np.zeros((10, 20, 40), np.uint8), geometry=geometry)
    prompt = Prompt(Plane(1, 3), points=(Point(2, 3),))
    width, height = draw_overlay(volume, prompt, np.zeros((10, 40), bool)).size
    assert width / height == pytest.approx(40 / 50, rel=0.02)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--box", "500,500,600,600"], "outside the image"),
        (["--box", "1,2,3"], "is not of the form X0,Y0,X1,Y1"),
        (["--point", "57,3"], "outside the image"),
        ([], "Nothing says where"),
        (["--box", "0,0,5,5"], "found nothing"),
        (["--box", BOX, "--slice", "1"], "Slice 1 does not exist"),
        (["--box", BOX, "--slice", "one"], "valid int"),
        (["--box", BOX, "--axis", "w"], "is not one of"),
        (["--box", BOX, "--frame", "7"], "7"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_2(medkd, segmenter, picture, tmp_path, arguments, sentence):
    out = tmp_path / "mask.png"
    outcome = medkd("segment", picture, *arguments, "--out", out)
    assert outcome.code == 2
    assert sentence in outcome.err
    assert outcome.err.startswith("medkd: ") and len(outcome.err.splitlines()) <= 2
    assert outcome.out == "" and not out.exists()


def test_a_mask_is_not_replaced_by_accident(medkd, segmenter, picture, tmp_path):
    out = tmp_path / "mask.png"
    out.write_bytes(b"precious")
    outcome = medkd("segment", picture, "--box", BOX, "--out", out)
    assert (outcome.code, out.read_bytes()) == (2, b"precious")
    assert "--overwrite" in outcome.err and not segmenter.embedded
    assert medkd("segment", picture, "--box", BOX, "--out", out, "--overwrite").code == 0
    assert read_png(out).any()


def test_the_image_itself_is_never_the_target(medkd, segmenter, picture):
    before = picture.read_bytes()
    outcome = medkd("segment", picture, "--box", BOX, "--out", picture, "--overwrite")
    assert (outcome.code, picture.read_bytes()) == (2, before)


def test_where_it_cannot_be_written_is_said_before_the_model_works(medkd, segmenter, picture, tmp_path):
    for out in (tmp_path / "missing" / "mask.png", tmp_path / "mask.jpg", tmp_path / "mask.xyz"):
        outcome = medkd("segment", picture, "--box", BOX, "--out", out)
        assert outcome.code == 2, out
        assert not segmenter.embedded


def test_a_model_that_cannot_take_a_click_says_so(medkd, segmenter, picture, tmp_path):
    segmenter.card = segmenter.card.model_copy(update={"capabilities": frozenset({"box"})})
    outcome = medkd("segment", picture, "--point", "33,20", "--out", tmp_path / "m.png")
    assert outcome.code == 2 and "point" in outcome.err


def test_a_failing_model_is_a_sentence(medkd, segmenter, picture, tmp_path):
    from tests.doubles import failure

    segmenter.failure = failure()
    outcome = medkd("segment", picture, "--box", BOX, "--out", tmp_path / "m.png")
    assert outcome.code == 2
    assert outcome.err == "medkd: The model ran out of memory.\n       Choose a smaller one.\n"
    assert segmenter.closed


def test_an_unknown_model_lists_the_known(medkd, picture, tmp_path):
    outcome = medkd("segment", picture, "--box", BOX, "--model", "nonesuch", "--out", tmp_path / "m.png")
    assert outcome.code == 2 and "nonesuch" in outcome.err


def test_torch_on_a_cpu_is_told_a_faster_way(medkd, segmenter, picture, tmp_path):
    said = medkd("segment", picture, "--box", BOX, "--out", tmp_path / "m.png")
    assert "medkd export" not in said.err
    segmenter.runtime_name = "torch, CPU, 2 threads"
    said = medkd("segment", picture, "--box", BOX, "--out", tmp_path / "n.png")
    assert f"medkd export {segmenter.card.id}" in said.err and "medkd export" not in said.out


def test_a_model_that_learnt_from_ct_is_named_where_the_one_that_answered_did_not(medkd, segmenter, tmp_path):
    hounsfield = np.full((24, 30, 3), -1000, np.int16)
    hounsfield[6:18, 8:20] = 60
    nibabel.save(nibabel.Nifti1Image(hounsfield, np.eye(4)), tmp_path / "ct.nii.gz")
    arguments = ("segment", tmp_path / "ct.nii.gz", "--slice", "1", "--box", "5,7,18,20")
    assert "medkd-volume" not in medkd(*arguments, "--out", tmp_path / "a.nii.gz").err
    segmenter.card = segmenter.card.model_copy(update={"modalities": ("xray",)})
    said = medkd(*arguments, "--out", tmp_path / "b.nii.gz")
    assert "learnt from no CT; MedKD volume did: --model medkd-volume" in said.err and said.code == 0
