from __future__ import annotations

from napari_medkd import settings
from napari_medkd.settings import Settings


def test_our_own_model_is_the_first_where_it_is_there(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDKD_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(settings, "_SHIPPED", tmp_path / "shipped")
    assert Settings().default_model == "litemedsam"
    card = tmp_path / "home" / "models" / settings.OURS / "card.json"
    card.parent.mkdir(parents=True)
    card.write_text("{}")
    assert Settings.load().default_model == settings.OURS
    card.unlink()
    shipped = tmp_path / "shipped" / settings.OURS / "card.json"
    shipped.parent.mkdir(parents=True)
    shipped.write_text("{}")
    assert Settings().default_model == settings.OURS


def test_a_choice_outlives_what_is_shipped(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDKD_HOME", str(tmp_path))
    Settings(default_model="own").save()
    assert Settings.load().default_model == "own"
