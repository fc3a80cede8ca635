"""Tasks of models that need no prompt: what they learn, what stays frozen, what a batch is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_medkd.models.card import Architecture, ModelCard, Preprocessing, Target
from napari_medkd.models.promptable import PromptableModel, build_model
from src_training.automatic import answering, teacher_network
from src_training.batches import normalised
from src_training.draws import Draws
from src_training.hidden import Taps
from src_training.knowledge import Examiner, Knowledge, confidence
from src_training.lora import adapt, low_rank, merge
from src_training.optimiser import freeze
from src_training.recipes.base import Stage
from src_training.scenes import Scene
from src_training.tasks.alignment import AlignmentStream, AlignmentTask, EmbeddingTask
from src_training.tasks.classes import ClassStream, ClassTask, ClassValidation, hard_dice
from src_training.tasks.masked import MaskedStream, MaskedTask
from src_training.views import View
from tests.training.made_teacher import CARD as TEACHER
from tests.training.made_teacher import install
from tests.training.test_views import picture

STUDENT = ModelCard(
    id="student",
    title="Student",
    architecture=Architecture(
        encoder="vit_tiny",
        encoder_options={"image_size": 64, "width": 32, "depth": 2, "heads": 1},
        grid=4,
        decoder="prompt_free",
        decoder_options={"classes": 2, "mlp_dim": 32},
        masks="classes",
    ),
    preprocessing=Preprocessing(size=64, mean=(127.0,) * 3, std=(128.0,) * 3),
    capabilities=frozenset({"auto"}),
    targets=(Target(name="square"), Target(name="disc")),
)


def scene(name: str = "one") -> Scene:
    made = picture()
    return Scene(replace(made, case=name), name, labelled=True)


def student() -> PromptableModel:
    torch.manual_seed(1)
    return build_model(STUDENT.architecture, STUDENT.preprocessing)


def learns(task: torch.nn.Module, stage_names: tuple[str, ...], batch: object) -> set[str]:
    """Return which parameters get a gradient when only `stage_names` may learn."""
    freeze(Stage("one", task, lambda _: iter(()), 1, stage_names))
    task.train()(batch)["loss"].backward()
    return {name for name, value in task.named_parameters() if value.grad is not None and value.grad.any()}


def test_a_batch_of_classes_is_the_same_whenever_it_is_drawn():
    stream = ClassStream([scene()], STUDENT, 2, Draws(3, seed=1))
    first, again = next(iter(stream(4))), next(iter(stream(4)))
    other = next(iter(stream(5)))
    assert torch.equal(first.images, again.images) and not torch.equal(first.images, other.images)
    assert first.images.shape == (3, 3, 64, 64) and first.shares.shape == (3, 2, 16, 16)
    assert (
        first.inside.shape == (3, 1, 16, 16)
        and float((first.shares.sum(1) - first.inside[:, 0]).max()) < 1e-5
    )
    pieces = first.pieces(2)
    assert [piece.weight for piece in pieces] == [2, 1] and torch.equal(pieces[1].shares, first.shares[2:])


def test_where_turns_are_not_allowed_left_stays_left():
    stream = ClassStream([scene()], STUDENT, 2, Draws(8, seed=1), turns=False)
    both = [shares for shares in next(iter(stream(0))).shares if shares.flatten(1).any(1).all()]
    assert both
    for shares in both:
        square, disc = (share.nonzero().float().mean(0) for share in shares)
        assert square[1] < disc[1] and square[0] < disc[0]  # the square is left above the disc


def test_dice_of_classes_by_hand():
    scores = torch.zeros(1, 3, 2, 2)
    scores[0, 1, 0] = 5  # the upper row is found to be the first class
    shares = torch.zeros(1, 2, 2, 2)
    shares[0, 0, :, 0] = 1  # the left column is
    assert hard_dice(scores, shares).tolist() == [[0.5, 1.0]]


def test_validation_sees_whole_pictures_and_says_how_good_the_classes_are():
    task = ClassTask(student(), 0.8).eval()
    looked = ClassValidation([scene(), scene("two"), scene("three")], STUDENT, 2, 2)
    (first, _) = looked.batches()
    assert first.images.shape[0] == 2 and first.inside[0, 0, 0].all() and not first.inside[0, 0, -1].any()
    figures = looked(task)
    assert figures["score"] == figures["held_out_dice"] and 0 <= figures["score"] <= 1


def test_min_max_normalisation_is_of_what_the_picture_shows():
    image = torch.full((3, 4, 4), 50.0)
    image[:, 0, 0], image[:, 3] = 150, 0
    inside = torch.ones(1, 4, 4)
    inside[:, 3] = 0
    seen = normalised(View(image, inside, inside), TEACHER)
    assert seen[0, 0, 0] == 1 and seen[0, 1, 1] == 0 and not seen[:, 3].any()


@pytest.fixture
def teacher(tmp_path) -> tuple[PromptableModel, ModelCard]:
    install(tmp_path)
    torch.manual_seed(2)
    return teacher_network("small-teacher", 2)


def test_only_lora_and_the_decoder_of_a_teacher_learn(teacher):
    network, card = teacher
    before = {name: value.clone() for name, value in network.image_encoder.state_dict().items()}
    adapt(network.image_encoder, rank=2, alpha=2.0)
    task = ClassTask(network, 0.8, frozen=True)
    names = (*(f"model.{name}" for name in low_rank(network)), *answering(network, "model"))
    batch = next(iter(ClassStream([scene()], card, 2, Draws(2, seed=0))(0)))
    found = learns(task, names, batch)
    assert any(".lora_B." in name for name in found) and "model.mask_decoder.mask_tokens.weight" in found
    assert not any(".image_encoder." in name and ".lora_" not in name for name in found)
    assert not any("iou_prediction_head" in name for name in found)
    assert not network.image_encoder.training and network.mask_decoder.training
    after = merge(network).image_encoder.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())  # B is still zero


def test_a_teacher_of_another_size_has_another_grid(tmp_path):
    install(tmp_path)
    network, card = teacher_network("small-teacher", 1, size=128)
    assert card.architecture.grid == 8 and card.preprocessing.size == 128
    assert network.encode(torch.zeros(1, 3, 128, 128))[0].shape == (1, 256, 8, 8)


@pytest.fixture
def knowledge(teacher, tmp_path) -> Knowledge:
    network, card = teacher
    kept = Knowledge(tmp_path / "knowledge")
    examiner = Examiner(network, card, STUDENT, 2, torch.device("cpu"))
    told: list[tuple[int, int]] = []
    assert examiner.ask([scene(), scene("two")], kept, lambda *done: told.append(done) is None)
    assert told == [(1, 2), (2, 2)]
    return kept


def test_what_the_teacher_knows_is_kept_on_the_students_grids(knowledge, tmp_path):
    known = knowledge.of(scene())
    assert known.scores.shape == (3, 16, 16) and known.embedding.shape == (256, 4, 4)
    assert [tuple(maps.shape) for maps in known.hidden] == [(16, 4, 4), (24, 4, 4)]
    assert known.inside[0, 0, 0] == 1 and known.inside[0, -1, 0] == 0  # a wide picture is padded below
    assert 1 / 3 < confidence(knowledge, [scene()]) < 1 and confidence(knowledge, []) == 0
    path = tmp_path / "knowledge" / "one.npz"
    path.write_bytes(path.read_bytes()[:200])
    assert not knowledge.knows(scene()) and knowledge.knows(scene("two"))
    knowledge.forget()
    assert not knowledge.knows(scene("two"))


def test_asking_stops_where_it_is_told_to(teacher, tmp_path):
    network, card = teacher
    kept = Knowledge(tmp_path / "few")
    examiner = Examiner(network, card, STUDENT, 2, torch.device("cpu"))
    assert not examiner.ask([scene(), scene("two")], kept, lambda done, of: False)
    assert kept.knows(scene()) and not kept.knows(scene("two"))


def test_the_student_and_its_projections_learn_from_what_the_teacher_knows(knowledge):
    stream = AlignmentStream([scene(), scene("two")], knowledge, STUDENT, Draws(3, seed=0))
    batch, again = next(iter(stream(2))), next(iter(stream(2)))
    assert torch.equal(batch.images, again.images) and torch.equal(batch.hidden[1], again.hidden[1])
    assert sum(piece.weight for piece in batch.pieces(2)) == 3
    task = AlignmentTask(student(), (16, 24))
    names = ("student.image_encoder.", "projections.", *answering(task.student, "student"))
    found = learns(task, names, batch)
    assert {"projections.0.weight", "student.mask_decoder.mask_tokens.weight"} <= found
    assert "student.image_encoder.trunk.blocks.0.attn.qkv.weight" in found
    parts = task(batch)
    assert parts["loss"].item() == pytest.approx((parts["hidden"] + parts["prediction"]).item(), rel=1e-5)
    half = AlignmentTask(student(), (16, 24), hidden=0.5, prediction=0)
    half.load_state_dict(task.state_dict())
    assert half(batch)["loss"].item() == pytest.approx(0.5 * parts["hidden"].item(), rel=1e-5)


def test_student_and_teacher_are_turned_alike(knowledge):
    known = knowledge.of(scene())
    for step in range(6):
        batch = next(iter(AlignmentStream([scene()], knowledge, STUDENT, Draws(1, seed=step))(0)))
        inside, scores = batch.inside[0, 0], batch.scores[0]
        original = known.scores[:, :4].mean((1, 2))  # the upper rows, far from the padding
        turned = [torch.rot90(scores, quarters, (1, 2))[:, :4].mean((1, 2)) for quarters in range(4)]
        up = [torch.rot90(inside, quarters)[:4].mean() for quarters in range(4)]
        upright = [
            place for place in range(4) if up[place] == 1 and torch.rot90(inside, place)[-2:].mean() == 0
        ]
        assert len(upright) == 1 and torch.allclose(turned[upright[0]], original, atol=1e-5)


def test_the_control_copies_the_embedding_alone(knowledge):
    batch = next(iter(AlignmentStream([scene()], knowledge, STUDENT, Draws(2, seed=0))(0)))
    task = EmbeddingTask(student())
    found = learns(task, ("student.image_encoder.",), batch)
    assert found and all(name.startswith("student.image_encoder.") for name in found)
    inside = torch.nn.functional.adaptive_avg_pool2d(batch.inside, 4)
    apart = (task.student.encode(batch.images)[0] - batch.embedding).pow(2).mean(1, keepdim=True)
    expected = float(((apart * inside).sum() / inside.sum()).detach())
    assert task(batch)["loss"].item() == pytest.approx(expected, rel=1e-4)


def test_masked_patches_never_reach_the_encoder():
    network = student()
    task = MaskedTask(network, hidden=0.75, grid=4)
    batch = next(iter(MaskedStream([scene()], STUDENT, Draws(2, seed=0))(0)))
    assert batch.order.shape == (2, 16) and sorted(batch.order[0].tolist()) == list(range(16))
    seen: list[torch.Tensor] = []
    hook = network.image_encoder.trunk.blocks[0].register_forward_hook(
        lambda *given: seen.append(given[1][0])
    )
    task(batch)
    changed = batch.images.clone()
    for index, order in enumerate(batch.order):
        for patch in order[4:].tolist():  # what is hidden becomes something else
            row, column = 16 * (patch // 4), 16 * (patch % 4)
            changed[index, :, row : row + 16, column : column + 16] += 1
    task(replace(batch, images=changed))
    hook.remove()
    assert seen[0].shape == (2, 4, 32) and torch.allclose(seen[0], seen[1])


def test_guesses_are_put_back_where_their_patches_are():
    task = MaskedTask(student(), hidden=0.75, grid=4)
    batch = next(iter(MaskedStream([scene()], STUDENT, Draws(2, seed=0))(0)))
    names = ("student.image_encoder.trunk.", "narrow.", "unknown", "positions", "blocks.", "guess.")
    found = learns(task, names, batch)
    assert "student.image_encoder.trunk.patch_embed.proj.weight" in found and "unknown" in found
    assert not any("mask_decoder" in name or "neck" in name for name in found)
    optimiser = torch.optim.Adam([value for value in task.parameters() if value.requires_grad], 3e-3)
    first = task(batch)["loss"].item()
    for _ in range(60):
        optimiser.zero_grad()
        task(batch)["loss"].backward()
        optimiser.step()
    assert task(batch)["loss"].item() < 0.9 * first


def test_taps_and_forward_hidden_say_the_same_of_the_student():
    network = student()
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        embedding, hidden = network.image_encoder.forward_hidden(image, (1, 2))
        assert torch.allclose(embedding, network.encode(image)[0], atol=1e-5)
    assert [maps.shape for maps in hidden] == [(1, 4, 4, 32)] * 2
    assert Taps(network.image_encoder, 2).widths == (32, 32)


def test_colours_change_for_the_student_alone(knowledge):
    stream = AlignmentStream([scene()], knowledge, STUDENT, Draws(1, seed=0), turns=False)
    batches = [next(iter(stream(step))) for step in range(3)]
    assert not torch.equal(batches[0].images, batches[1].images)
    assert all(torch.equal(batch.scores, batches[0].scores) for batch in batches)
    assert np.isfinite(batches[0].scores.numpy()).all()
