from __future__ import annotations

import nibabel
import numpy as np
import pytest

from napari_medkd.core.geometry import RAS_TO_VIEW, Geometry, Plane
from napari_medkd.errors import GeometryMismatch, InvalidPrompt

# (x, y, z) of a file → ours (z, y, x)
REVERSED = np.eye(4)[[2, 1, 0, 3]]


def rotation(rng: np.random.Generator, degrees: float) -> np.ndarray:
    """A rotation by at most `degrees` about a random axis."""
    axis = rng.normal(size=3)
    axis /= np.linalg.norm(axis)
    angle = np.deg2rad(degrees) * rng.uniform(-1, 1)
    cross = np.cross(np.eye(3), axis)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def random_affine(rng: np.random.Generator, degrees: float = 180) -> np.ndarray:
    """An oblique, anisotropic, permuted and flipped grid."""
    affine = np.eye(4)
    permutation = np.eye(3)[rng.permutation(3)] * rng.choice([-1, 1], size=3)
    affine[:3, :3] = rotation(rng, degrees) @ permutation * rng.uniform(0.3, 6, size=3)
    affine[:3, 3] = rng.uniform(-300, 300, size=3)
    return affine


AFFINES = [random_affine(np.random.default_rng(seed)) for seed in range(20)]
NEARLY_STRAIGHT = [random_affine(np.random.default_rng(seed), degrees=20) for seed in range(20)]
LPS_AXIAL = np.array([[0, 0, -0.7, 90], [0, -0.7, 0, 80], [3.0, 0, 0, -400], [0, 0, 0, 1]])


@pytest.mark.parametrize("affine", AFFINES)
def test_index_and_world_are_inverse(affine):
    geometry = Geometry((5, 7, 9), affine)
    points = np.random.default_rng(0).uniform(-3, 12, size=(4, 6, 3))
    assert np.allclose(geometry.to_index(geometry.to_world(points)), points)
    assert np.allclose(geometry.to_world(np.zeros(3)), affine[:3, 3])


@pytest.mark.parametrize("affine", AFFINES)
def test_spacing_is_the_distance_of_neighbours(affine):
    geometry = Geometry((5, 7, 9), affine)
    steps = geometry.to_world(np.eye(3)) - geometry.to_world(np.zeros(3))
    assert np.allclose(geometry.spacing, np.linalg.norm(steps, axis=1))
    assert np.allclose(np.linalg.norm(geometry.directions, axis=0), 1)


@pytest.mark.parametrize("affine", NEARLY_STRAIGHT)
def test_orientation_agrees_with_nibabel(affine):
    expected = "".join(reversed(nibabel.aff2axcodes(affine @ REVERSED)))
    assert Geometry((5, 7, 9), affine).orientation == expected


def test_orientation_of_a_usual_axial_ct():
    geometry = Geometry((40, 512, 512), LPS_AXIAL)
    assert geometry.orientation == "SPL"
    assert geometry.spacing == pytest.approx((3.0, 0.7, 0.7))
    assert not geometry.is_oblique


def test_a_degree_is_oblique_and_a_hundredth_is_not():
    for degrees, expected in ((1.0, True), (0.01, False)):
        angle = np.deg2rad(degrees)
        turned = LPS_AXIAL.copy()
        turned[:2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]] @ LPS_AXIAL[:2]
        assert Geometry((4, 4, 4), turned).is_oblique is expected


@pytest.mark.parametrize("affine", AFFINES + NEARLY_STRAIGHT)
def test_display_lays_every_axis_along_itself_with_true_spacing(affine):
    geometry = Geometry((5, 7, 9), affine)
    display = geometry.display_affine()
    matrix = display[:3, :3]
    assert np.count_nonzero(matrix) == 3
    assert np.allclose(np.abs(np.diag(matrix)), geometry.spacing)


@pytest.mark.parametrize("affine", NEARLY_STRAIGHT)
def test_display_runs_to_inferior_posterior_or_left(affine):
    geometry = Geometry((5, 7, 9), affine)
    display = geometry.display_affine()
    for axis, letter in enumerate(geometry.orientation):
        assert (display[axis, axis] > 0) == (letter in "IPL"), (axis, letter)


def test_display_of_straight_data_is_the_world_in_viewer_order():
    geometry = Geometry((40, 512, 512), LPS_AXIAL)
    assert np.allclose(geometry.display_affine(), RAS_TO_VIEW @ LPS_AXIAL)


def test_display_of_flipped_storage_shows_the_same_patient():
    shape = (4, 6, 8)
    flipped = LPS_AXIAL @ np.array([[1, 0, 0, 0], [0, -1, 0, 5], [0, 0, -1, 7], [0, 0, 0, 1]])
    index, mirrored = np.array([2, 1, 3, 1]), np.array([2, 4, 4, 1])
    straight, other = Geometry(shape, LPS_AXIAL).display_affine(), Geometry(shape, flipped).display_affine()
    assert np.allclose(straight @ index, other @ mirrored)


def test_a_picture_is_shown_as_stored():
    geometry = Geometry.image((1, 30, 20), (1.0, 0.5, 0.25))
    assert np.allclose(geometry.display_affine(), np.diag([1.0, 0.5, 0.25, 1.0]))
    assert not geometry.from_file


def test_same_grid_sees_a_shift_a_tilt_and_another_shape():
    geometry = Geometry((10, 20, 30), LPS_AXIAL)
    shifted, tilted = LPS_AXIAL.copy(), LPS_AXIAL.copy()
    shifted[0, 3] += 0.01
    tilted[0, 0] += 0.001
    assert geometry.same_grid(Geometry((10, 20, 30), LPS_AXIAL + 1e-6 * (LPS_AXIAL != 0)))
    assert not geometry.same_grid(Geometry((10, 20, 30), shifted))
    assert not geometry.same_grid(Geometry((10, 20, 30), tilted))
    assert not geometry.same_grid(Geometry((10, 20, 31), LPS_AXIAL))


@pytest.mark.parametrize("affine", AFFINES)
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
@pytest.mark.parametrize("flipped", [(), (1,), (0, 2)])
def test_the_same_voxels_in_another_order_are_turned_back(affine, order, flipped):
    data = np.arange(24).reshape(2, 3, 4)
    geometry = Geometry(data.shape, affine)
    stored = np.flip(data.transpose(order), flipped)
    # Where every stored voxel lies: follow its number back to where it was.
    first, *steps = (
        np.argwhere(data == stored[at])[0] for at in [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]
    )
    there = np.eye(4)
    there[:3, 3] = first
    there[:3, :3] = np.stack([step - first for step in steps], axis=1)
    other = Geometry(stored.shape, affine @ there)
    turn = other.turn_onto(geometry)
    assert turn is not None
    assert np.array_equal(np.flip(stored.transpose(turn[0]), turn[1]), data)


def test_nothing_turns_a_grid_onto_one_that_lies_elsewhere():
    geometry = Geometry((10, 20, 30), LPS_AXIAL)
    shifted, tilted, coarser = LPS_AXIAL.copy(), LPS_AXIAL.copy(), LPS_AXIAL.copy()
    shifted[1, 3] += 0.01
    tilted[:3, :3] = rotation(np.random.default_rng(0), 40) @ tilted[:3, :3]
    coarser[:, 0] *= 2
    for affine in (shifted, tilted, coarser):
        assert geometry.turn_onto(Geometry((10, 20, 30), affine)) is None
    assert geometry.turn_onto(Geometry((10, 30, 20), LPS_AXIAL)) is None


@pytest.mark.parametrize("bad", [np.zeros((4, 4)), np.eye(3), np.full((4, 4), np.nan)])
def test_an_unusable_affine_is_refused_with_a_sentence(bad):
    with pytest.raises(GeometryMismatch, match="invertible"):
        Geometry((2, 2, 2), bad)


def test_the_affine_cannot_be_changed_from_outside():
    affine = LPS_AXIAL.copy()
    geometry = Geometry((2, 2, 2), affine)
    affine[0, 3] = 1e9
    assert geometry.affine[0, 3] == 90
    with pytest.raises(ValueError, match="read-only"):
        geometry.affine[0, 3] = 0


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_plane_and_volume_coordinates_are_inverse(axis):
    plane = Plane(axis, 3)
    points = np.random.default_rng(axis).uniform(0, 9, size=(5, 2))
    in_volume = plane.to_volume(points)
    assert np.allclose(plane.from_volume(in_volume), points)
    assert (in_volume[:, axis] == 3).all()


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_plane_takes_a_view_of_the_right_slice(axis):
    data = np.arange(4 * 5 * 6).reshape(4, 5, 6)
    plane = Plane(axis, 2)
    part = data[plane.slicing()]
    assert part.base is not None and np.array_equal(part, np.take(data, 2, axis=axis))
    assert part.shape == plane.shape(data.shape)
    row, column = 1, 2
    position = tuple(int(i) for i in plane.to_volume(np.array([row, column])))
    assert data[position] == part[row, column]


def test_plane_outside_is_a_sentence():
    with pytest.raises(InvalidPrompt, match="slices 0 to 3 along axis z"):
        Plane(0, 4).check((4, 5, 6))


def test_plane_spacing_follows_the_axes():
    geometry = Geometry((40, 512, 512), LPS_AXIAL)
    assert geometry.plane_spacing(Plane(0, 0)) == pytest.approx((0.7, 0.7))
    assert geometry.plane_spacing(Plane(1, 0)) == pytest.approx((3.0, 0.7))
