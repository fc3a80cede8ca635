"""What a teacher answers and where it looks: asked once, kept, drawn with its picture."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from segment_anything.modeling import ImageEncoderViT

from napari_medkd.models.store import ModelStore
from src_training.answers import AnsweringTeacher
from src_training.attention import look
from src_training.draws import Draws
from src_training.pictures import load_pictures
from src_training.tasks.taught import TaughtStream
from tests.training.made import make_set
from tests.training.made_teacher import install


@pytest.fixture
def pictures(tmp_path):
    return load_pictures([make_set(tmp_path / "discs", count=4, side=40)])


def test_a_teacher_is_asked_once_about_each_picture(tmp_path, pictures, monkeypatch):
    card = install(tmp_path)
    made = {"side": 8, "objects": 2, "kind": "saliency", "device": torch.device("cpu")}
    teacher = AnsweringTeacher(ModelStore().build(card.id), card, tmp_path / "cache", **made)
    first = teacher.answers(pictures, lambda done, of: True)
    assert first is not None and len(first) == 2
    assert first[0].logits.shape == (1, 8, 8) and first[0].where.shape == (8, 8)
    assert float(first[0].where.astype(np.float32).mean()) == pytest.approx(1, abs=0.01)
    assert first[0].where.std() > 0  # a saliency that is the same everywhere would teach nothing
    monkeypatch.setattr(AnsweringTeacher, "_ask", lambda *_: pytest.fail("asked again"))
    again = teacher.answers(pictures, lambda done, of: True)
    assert again is not None and np.array_equal(again[1].logits, first[1].logits)
    assert teacher.answers(pictures, lambda done, of: False) is None


def test_logits_and_map_turn_with_their_picture(tmp_path, pictures):
    card = install(tmp_path)
    side = card.architecture.logit_side
    teacher = AnsweringTeacher(
        ModelStore().build(card.id),
        card,
        tmp_path / "cache",
        side=side,
        objects=2,
        kind="saliency",
        device=torch.device("cpu"),
    )
    answers = teacher.answers(pictures, lambda done, of: True)
    assert answers is not None
    # The teacher's answers are the masks themselves: turned alike, they must stay so.
    plain = TaughtStream(pictures, answers, card, Draws(4, seed=1), objects=2)
    masks = []
    for picture, answer in zip(pictures, answers, strict=True):
        whole = torch.from_numpy((picture.objects == 1).astype(np.float32))[None]
        small = torch.nn.functional.adaptive_avg_pool2d(whole, side).numpy().astype(np.float16)
        masks.append(type(answer)(answer.numbers, small, small[0]))
    same = next(iter(TaughtStream(pictures, masks, card, Draws(4, seed=1), objects=2)(3)))
    assert torch.allclose(same.taught, same.targets, atol=1e-3)
    assert torch.allclose(same.where[same.owners], same.targets, atol=1e-3)
    assert torch.equal(same.images, next(iter(plain(3))).images)
    first, second = same.pieces(2)
    assert len(first.images) == 2 and len(first.taught) + len(second.taught) == len(same.taught)


def test_attention_is_what_each_cell_gets_from_all():
    torch.manual_seed(0)
    encoder = ImageEncoderViT(
        img_size=64,
        patch_size=16,
        embed_dim=8,
        depth=2,
        num_heads=2,
        out_chans=4,
        use_rel_pos=True,
        window_size=2,
        global_attn_indexes=(1,),
    ).eval()
    for parameter in encoder.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    image = torch.randn(1, 3, 64, 64)
    seen: list[torch.Tensor] = []
    softmax = torch.Tensor.softmax

    def watching(self, *arguments, **named):
        seen.append(softmax(self, *arguments, **named))
        return seen[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.Tensor, "softmax", watching)
        with torch.no_grad():
            encoder(image)
    _, where = look(encoder, image, "attention")
    wanted = seen[-1].mean((0, 1)).reshape(4, 4)  # the last block's, over heads and queries
    assert torch.allclose(where, wanted, atol=1e-5) and where.sum() == pytest.approx(1)
    assert look(encoder, image, "saliency")[1].shape == (4, 4)
