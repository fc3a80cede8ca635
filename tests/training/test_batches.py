"""Batches by seed and step alone."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch

from napari_medkd.models.card import Architecture, ModelCard, Preprocessing
from src_training.batches import ViewStream
from src_training.draws import Draws
from src_training.pictures import Picture, load_pictures, weights
from tests.training.made import make_set
from tests.training.test_views import moved

CARD = ModelCard(
    id="student",
    title="Student",
    architecture=Architecture(encoder="pyramid", grid=4, decoder="multi_scale", logits_per_cell=8),
    preprocessing=Preprocessing(size=64, mean=(127.0,) * 3, std=(128.0,) * 3),
    capabilities=frozenset({"box", "point"}),
)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Picture]:
    return load_pictures([make_set(tmp_path_factory.mktemp("data") / "discs")])


def stream(pictures: list[Picture], seed: int = 0, **process: int) -> ViewStream:
    return ViewStream([(pictures, 1.0)], CARD, Draws(4, seed, **process), 2)


def test_the_training_split_is_read_with_its_objects(pictures):
    assert len(pictures) == 4 and {picture.set for picture in pictures} == {"discs"}
    assert all(picture.count == 1 and picture.image.dtype == np.uint8 for picture in pictures)


def test_a_step_is_the_same_whenever_it_is_reached(pictures):
    from_start = iter(stream(pictures)(0))
    for _ in range(3):
        next(from_start)
    one, other = next(from_start), next(iter(stream(pictures)(3)))
    assert torch.equal(one.images, other.images) and torch.equal(one.targets, other.targets)
    assert one.step == 3 and one.images.shape == (4, 3, 64, 64) and one.targets.shape[1:] == (32, 32)


def test_seeds_and_processes_see_different_views(pictures):
    first = stream(pictures).batch(0).images
    assert not torch.equal(first, stream(pictures, seed=1).batch(0).images)
    assert not torch.equal(first, stream(pictures, rank=1, world=2).batch(0).images)


def test_some_steps_ask_for_what_a_neighbouring_slice_shows(pictures):
    neighbours = [moved(one, 0) for one in pictures]
    handed = ViewStream([(neighbours, 1.0)], CARD, Draws(4, 0), 2, handed=0.5)
    batches = [handed.batch(step) for step in range(12)]
    taken = [batch for batch in batches if batch.beside is not None]
    assert 2 < len(taken) < 10
    piece = taken[0].pieces(2)[1]
    assert torch.equal(piece.beside, piece.targets)  # here the neighbour is the slice itself
    plain = ViewStream([(pictures, 1.0)], CARD, Draws(4, 0), 2, handed=0.5)  # no volume among them
    assert torch.equal(plain.batch(1).images, stream(pictures).batch(1).images)


def test_half_of_what_is_handed_over_is_of_pictures_without_neighbours(pictures):
    mixed = ViewStream([([moved(pictures[0], 0), *pictures[1:]], 1.0)], CARD, Draws(4, 0), 1, handed=0.99)
    views = [view for step in range(12) for view in mixed.views(step) if view.beside is not None]
    unmoved = [torch.equal(view.beside, view.targets) for view in views]
    assert 0.4 < np.mean(unmoved) < 0.75  # the volume's own, and its share of the pictures


def test_slices_of_a_volume_know_their_objects_on_the_slices_beside(tmp_path):
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
    labels = np.zeros((40, 40, 6), np.uint8)
    labels[5:15, 5:15, 1:5] = 7
    labels[20:36, 20:36, 3:5] = 2
    for folder, values in (("images", labels * 9.0), ("labels", labels)):
        nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), tmp_path / folder / "one.nii.gz")
    slices = load_pictures([tmp_path], split=None)
    assert [len(one.beside) for one in slices] == [2, 3, 3, 2]
    last = slices[-1]  # shows both objects; two slices before, there was one of them
    seven = int(last.objects[labels[..., 4].T == 7].max())
    assert set(np.unique(last.beside[0].renumbered())) == {0, seven}
    assert np.array_equal(last.beside[1].renumbered(), last.objects)
    assert last.beside[1].objects is slices[-2].objects  # nothing is held twice


def test_pieces_hold_the_views_and_their_objects(pictures):
    batch = stream(pictures).batch(0)
    pieces = batch.pieces(3)
    assert sum(len(piece.images) for piece in pieces) == 4
    assert torch.equal(torch.cat([piece.targets for piece in pieces]), batch.targets)
    assert all(piece.owners.max() < len(piece.images) for piece in pieces)


def test_pools_are_drawn_from_by_their_shares(pictures):
    dark = [Picture("dark", "x", np.zeros_like(p.image), p.objects) for p in pictures]
    views = (
        ViewStream([(pictures, 0.25), (dark, 0.75), ([], 0.5)], CARD, Draws(40, seed=0), 1).batch(0).images
    )
    spread = views.flatten(1).std(1)
    assert 20 <= int((spread < 0.35).sum()) <= 38


def test_a_large_set_is_drawn_more_often_but_not_by_its_size():
    image, objects = np.zeros((8, 8, 3), np.uint8), np.ones((8, 8), np.uint16)
    large = [Picture("large", str(number), image, objects) for number in range(16)]
    volume = [Picture("volume", "one", image, objects) for _ in range(5)]
    shares = weights(large + volume)
    assert shares.sum() == pytest.approx(1)
    assert shares[:16].sum() / shares[16:].sum() == pytest.approx(4)  # the root of 16 cases to that of one
    asked = weights(large + volume, {"volume": 2.0})
    assert asked.sum() == pytest.approx(1)
    assert asked[:16].sum() / asked[16:].sum() == pytest.approx(2)


def test_a_folder_of_nothing_is_a_sentence(tmp_path):
    from napari_medkd.errors import UnreadableFile

    folder = make_set(tmp_path / "broken", 3)
    for path in (folder / "images").iterdir():
        Path(path).write_bytes(b"not an image")
    told: list[str] = []
    with pytest.raises(UnreadableFile, match="broken"):
        load_pictures([folder], tell=told.append)
    assert len(told) == 1


def test_a_folder_says_which_cases_are_for_what(tmp_path):
    from src_training.pictures import has_splits

    folder = make_set(tmp_path / "discs", 3)
    assert has_splits(folder) and has_splits(folder, "val") and not has_splits(folder, "night")
    (folder / "dataset.json").write_text('{"splits": {"train": ["00"], "val": []}}')
    assert has_splits(folder) and not has_splits(folder, "val")
    (folder / "dataset.json").write_text("torn {")
    assert not has_splits(folder)


def test_only_a_model_that_zooms_sees_parts_of_pictures(pictures):
    zooming = CARD.model_copy(update={"architecture": CARD.architecture.model_copy(update={"zoom": True})})
    wide = [Picture(p.set, p.case, p.image[:40], p.objects[:40]) for p in pictures]
    wide = [picture for picture in wide if picture.objects.any()]
    whole, parts = (
        ViewStream([(wide, 1.0)], card, Draws(8, seed=0), 1).batch(0).images for card in (CARD, zooming)
    )
    empty = [(views == 0).all(1).float().mean((1, 2)) for views in (whole, parts)]  # the padding is 0
    assert torch.allclose(empty[0], torch.full((8,), 0.5), atol=0.02)
    assert (empty[1] < 0.48).any()
