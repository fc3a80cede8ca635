from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest

from napari_medkd.core.geometry import Plane
from napari_medkd.core.prompts import Box, Prompt
from napari_medkd.core.volume import Volume
from napari_medkd.inference.feature_folder import FeatureFolder, name_of
from napari_medkd.inference.preprocess import Frame
from napari_medkd.inference.sam_segmenter import SamSegmenter

FEATURES = (np.linspace(-3, 3, 32, dtype=np.float32).reshape(1, 2, 4, 4), np.ones((1, 1, 8, 8), np.float32))


class CountingRuntime:
    name = "counted"

    def __init__(self):
        self.encoded = 0

    def encode(self, image):
        self.encoded += 1
        return (image[:, :1, ::16, ::16].copy(),)

    def decode(self, features, coordinates, labels, mask):
        return np.repeat(features[0].repeat(4, 2).repeat(4, 3)[0], 4, 0), np.full(4, 0.5, np.float32)

    def close(self):
        pass


@pytest.fixture
def folder(tmp_path):
    return FeatureFolder(tmp_path / "embeddings", 2**20)


def volume(seed=0, name="image"):
    values = np.random.default_rng(seed).integers(0, 255, (3, 40, 60), dtype=np.uint8)
    return Volume.from_array(values, name=name)


def test_what_is_read_is_what_was_kept(folder):
    assert folder.get("one") is None
    folder.put("one", FEATURES)
    for read, kept in zip(folder.get("one"), FEATURES, strict=True):
        assert read.dtype == np.float32 and np.array_equal(read, kept)


def test_an_image_opened_again_is_not_encoded_again_and_gets_the_same_answer(folder, make_card):
    prompt = Prompt(Plane(0, 1), box=Box(3, 3, 30, 40))
    answers = []
    for name, expected in (("first", 1), ("renamed", 0)):
        runtime = CountingRuntime()
        segmenter = SamSegmenter(make_card(), runtime, kept=folder)
        answers.append(segmenter.predict(segmenter.embed(volume(name=name), prompt.plane), prompt).logits)
        assert runtime.encoded == expected
    assert np.array_equal(*answers)


def test_other_pixels_views_and_models_have_names_of_their_own(make_card):
    card, image = make_card(), volume().slice_seen(Plane(0, 0))
    frame = Frame((40, 60), card.preprocessing)
    retrained = card.model_copy(update={"files": {"encoder.onnx": "another digest"}})
    other = volume(seed=1).slice_seen(Plane(0, 0))
    names = [name_of(card, frame, image), name_of(retrained, frame, image), name_of(card, frame, other)]
    names += [name_of(card, frame, image, is_mirrored=True)]
    names += [name_of(card, replace(frame, crop=_crop()), image)]
    assert len(set(names)) == 5
    assert name_of(card, frame, image.copy()) == names[0]


def _crop():
    from napari_medkd.inference.zoom import Crop

    return Crop(0, 0, 32, 32)


def test_those_used_least_recently_go(tmp_path):
    folder = FeatureFolder(tmp_path, 10000)
    for age, name in enumerate("abcd"):
        folder.put(name, (np.zeros((1, 512), np.float32),))
        os.utime(tmp_path / name, (age, age))
    assert folder.get("a") is not None  # used now
    folder.put("e", (np.zeros((1, 512), np.float32),))
    assert folder.get("a") is not None and folder.get("e") is not None and folder.get("b") is None
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 10000


def test_a_damaged_file_and_a_folder_that_cannot_be_are_nobodys_trouble(folder, tmp_path):
    folder.put("one", FEATURES)
    path = tmp_path / "embeddings" / "one"
    path.write_bytes(path.read_bytes()[:300])
    assert folder.get("one") is None
    (tmp_path / "file").write_bytes(b"")
    blocked = FeatureFolder(tmp_path / "file" / "embeddings", 2**20)
    blocked.put("one", FEATURES)
    assert blocked.get("one") is None


def test_only_its_owner_may_look(folder, tmp_path):
    folder.put("one", FEATURES)
    assert (tmp_path / "embeddings").stat().st_mode & 0o077 == 0
