from dataclasses import replace
from types import SimpleNamespace

import pytest

from napari_medkd.core.geometry import Plane
from napari_medkd.models.card import Target
from napari_medkd.session.session import Session
from napari_medkd.session.worker import SyncWorker
from napari_medkd.widgets.suggestion_sentences import doubt_text, found_text, reaches
from tests.seeing import Seeing, nuclei


@pytest.mark.parametrize(("score", "expected"), [(0.81, True), (0.797, True), (0.794, False)])
def test_a_score_counts_as_it_is_shown(score, expected):
    assert reaches(SimpleNamespace(score=score), 0.8) is expected


@pytest.mark.parametrize(
    ("code", "share", "said", "words"),
    [
        ("RGB", 0.9, "", ""),
        (
            "RGB",
            0.58,
            "",
            "none of the kinds of image that the model knows (taken for colonoscopy, 58% sure)",
        ),
        ("ES", 0.58, "", ""),
        ("RGB", 0.4, "microscopy", ""),
        ("CT", 0.9, "", "file says CT, and it was taken for colonoscopy"),
        ("ES", 0.9, "", ""),
    ],
)
def test_a_doubtful_kind_of_image_is_told(code, share, said, words):
    kinds = {"colonoscopy": share, "microscopy": 1 - share}
    session = Session(SyncWorker())
    session.open(replace(nuclei(), modality=code))
    session.set_plane(Plane(0, 2))
    assert doubt_text(session) == ""
    session.look(
        modality=said,
        looker=Seeing(targets=tuple(Target(name="thing", modality=kind) for kind in kinds), kinds=kinds),
    )
    assert words in doubt_text(session) and bool(words) == bool(doubt_text(session))
    assert found_text(session).startswith("3 suggestions") and found_text(session).endswith(
        doubt_text(session)
    )
