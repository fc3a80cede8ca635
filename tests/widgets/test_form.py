from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from magicgui.widgets import ComboBox, FloatSpinBox, SpinBox
from pydantic import BaseModel, Field

from napari_medkd.errors import MedkdError
from napari_medkd.settings import Settings
from napari_medkd.widgets.form import build_form, read_form, show_in_form


class Options(BaseModel):
    hidden: int = 3
    rate: float = Field(1e-3, gt=0, le=1, title="Learning rate", description="Step size.")
    tiny: float = Field(2.5e-7, ge=0, title="Decay")
    share: float = Field(0.1, ge=0, le=1, title="Share")
    rounds: int = Field(20, ge=1, title="Rounds")
    sure: bool = Field(True, title="Sure")
    kind: Literal["a", "b"] = Field("b", title="Kind")
    folder: Path = Field(Path("/data"), title="Folder")
    name: str = Field("x", title="Name")


@pytest.fixture
def form(qapp):
    forms = []

    def build(instance, **options):
        forms.append(build_form(instance, **options))
        return forms[-1]

    yield build
    for built in forms:
        built.close()
        built.native.deleteLater()


@pytest.mark.parametrize("instance", [Settings(), Options()], ids=["settings", "options"])
def test_every_default_makes_the_round_trip(form, instance):
    assert read_form(form(instance), instance) == instance


def test_other_values_make_the_round_trip(form):
    changed = Options(rate=0.0425, tiny=1e-5, rounds=7, sure=False, kind="a", name="ü")
    built = form(Options())
    show_in_form(built, changed)
    assert read_form(built, Options()) == changed


def test_edits_are_read(form):
    built = form(Settings())
    built["threads"].value = 4
    built["runtime"].value = "torch"
    read = read_form(built, Settings())
    assert (read.threads, read.runtime, read.embedding_cache_mb) == (4, "torch", 512)


def test_fields_carry_title_tooltip_bounds_and_step(form):
    built = form(Options())
    rate = built["rate"]
    assert isinstance(rate, FloatSpinBox)
    assert (rate.label, rate.tooltip, rate.value, rate.max) == ("Learning rate", "Step size.", 0.001, 1)
    assert 0 < rate.min <= rate.step == 0.001
    assert built["tiny"].value == 2.5e-7
    assert isinstance(built["rounds"], SpinBox) and built["rounds"].min == 1
    assert isinstance(built["kind"], ComboBox) and built["kind"].choices == ("a", "b")


def test_fields_without_a_title_are_not_for_people(form):
    names = [row.name for row in form(Settings(), exclude={"default_model"})]
    assert "schema_version" not in names and "default_model" not in names
    assert "device" in names


def test_choices_keep_a_value_that_is_not_among_them(form):
    built = form(Settings(device="cuda:1"), choices={"device": ("auto", "cpu")})
    assert built["device"].value == "cuda:1"
    assert built["device"].choices == ("auto", "cpu", "cuda:1")


def test_what_cannot_be_is_a_sentence(form):
    class Even(Options):
        rounds: int = Field(20, multiple_of=2, title="Rounds")

    built = form(Even())
    built["rounds"].value = 3
    with pytest.raises(MedkdError, match="multiple of 2"):
        read_form(built, Even())
