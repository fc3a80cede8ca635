"""Which image to correct next: doubt and variety, and a broken file ends nothing."""

import numpy as np
import pytest
from PIL import Image

from napari_medkd.core.volume import Volume
from napari_medkd.errors import InvalidPrompt
from napari_medkd.learning.cases import in_folder
from napari_medkd.learning.glance import Glance, glance, order
from napari_medkd.learning.ranking import rank
from tests.doubles import ThresholdSegmenter


def seen(doubt, *likeness):
    vector = np.array(likeness, np.float32)
    return Glance(doubt, doubt, vector / np.linalg.norm(vector))


def test_of_images_that_look_the_same_the_doubtful_come_first():
    assert order([seen(0.1, 1, 0), seen(0.9, 1, 0), seen(0.5, 1, 0)]) == [1, 2, 0]


def test_an_image_that_stands_for_others_comes_before_an_odd_one_of_more_doubt():
    assert order([seen(0.9, 0, 1), seen(0.2, 1, 0), seen(0.3, 1, 0.001), seen(0.1, 1, 0)])[0] == 2


def test_an_image_like_the_one_before_it_has_to_wait():
    alike = [seen(0.9, 1, 0), seen(0.89, 1, 0.001), seen(0.5, 0, 1)]
    assert order(alike) == [0, 2, 1]


def test_what_was_corrected_already_counts():
    assert order([seen(0.6, 1, 0), seen(0.5, 0, 1)], seen=[seen(0.1, 1, 0)])[0] == 1
    assert order([]) == []


def test_a_glance_looks_at_an_image_and_at_slices_of_a_volume():
    data = np.zeros((9, 40, 50), np.uint8)
    data[:, 10:25, 10:30] = 200
    model, rng = ThresholdSegmenter(), np.random.default_rng(0)
    one = glance(Volume.from_array(data[:1]), model, rng)
    assert 0 <= one.unsure <= 1 and np.isclose(np.linalg.norm(one.likeness), 1)
    assert len(model.embedded) == 1
    glance(Volume.from_array(data), model, rng)
    assert len(model.embedded) == 4


def test_a_model_without_points_is_a_sentence():
    model = ThresholdSegmenter(capabilities=frozenset({"box"}))
    with pytest.raises(InvalidPrompt, match="takes no points"):
        glance(Volume.from_array(np.zeros((1, 9, 9), np.uint8)), model, np.random.default_rng(0))


@pytest.fixture
def folder(tmp_path):
    for number in range(3):
        pixels = np.zeros((40, 50), np.uint8)
        pixels[5 : 15 + 5 * number, 10:30] = 200
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    return tmp_path


def test_every_image_gets_a_place_and_a_broken_one_its_reason(folder):
    told, progress = {}, []
    ranked = rank(
        in_folder(folder).cases,
        ThresholdSegmenter(),
        lambda name, usefulness, remark: told.__setitem__(name, (usefulness, remark)),
        lambda done, total: progress.append((done, total)),
    )
    assert sorted(ranked) == ["0.png", "1.png", "2.png"]
    assert told["broken.png"][0] is None and "broken.png" in told["broken.png"][1]
    assert [told[name][0] for name in ranked] == [1, pytest.approx(2 / 3), pytest.approx(1 / 3)]
    assert progress[-1] == (4, 4)


def test_a_corrected_image_is_not_ranked(folder):
    ranked = rank(in_folder(folder).cases, ThresholdSegmenter(), lambda *told: None, seen={"1.png"})
    assert sorted(ranked) == ["0.png", "2.png"]


def test_it_can_be_cancelled(folder):
    class Cancelled(Exception):
        pass

    def cancel(done, total):
        if done == 1:
            raise Cancelled

    with pytest.raises(Cancelled):
        rank(in_folder(folder).cases, ThresholdSegmenter(), lambda *told: None, cancel)
