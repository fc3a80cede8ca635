import json

import pytest

from napari_medkd import settings
from napari_medkd.corrections import places
from napari_medkd.corrections.store import CorrectionStore
from tests.corrections.made import make


@pytest.fixture
def collected():
    """Five corrections of three cases in the user's own store, the last still on its way."""
    with places.open_store() as store:
        for case, seed, label in (("a", 1, "cell"), ("a", 2, "cell"), ("b", 3, "cell"), ("b", 3, "vessel")):
            store.add(make(case, seed, label, id=f"{label[0]}{seed}{case}"))
    places.outbox().post(make("c", 4, "vessel", id="last"))


@pytest.mark.usefixtures("collected")
def test_list_counts_by_class_case_and_record(medkd):
    done = medkd("corrections", "list", "--json", "--limit", 2)
    assert done.code == 0, done.err
    report = done.json
    assert report["objects"] == 5
    assert [record["id"] for record in report["records"]] == ["last", "v3b"]
    assert [(row["label"], row["objects"], row["cases"]) for row in report["classes"]] == [
        ("cell", 3, 2),
        ("vessel", 2, 2),
    ]
    assert [row["case"] for row in report["cases"]] == ["a", "b", "c"]
    assert "vessel" in medkd("corrections", "list").out
    assert medkd("corrections", "list", "--by", "case").out.count("\n") >= 4
    assert "v3b" in medkd("corrections", "list", "--by", "record").out


@pytest.mark.usefixtures("collected")
def test_list_takes_conditions(medkd):
    assert medkd("corrections", "list", "--json", "--case", "a").json["objects"] == 2
    assert medkd("corrections", "list", "--json", "--label", "vessel", "--case", "b").json["objects"] == 1
    counts = [
        medkd("corrections", "list", "--json", "--part", part).json["objects"]
        for part in ("training", "validation", "held-out")
    ]
    assert sum(counts) == 5


def test_an_empty_store_says_how_to_fill_it(medkd):
    done = medkd("corrections", "list")
    assert done.code == 0
    assert "medkd corrections import" in done.err


@pytest.mark.usefixtures("collected")
def test_show_tells_what_was_seen_said_and_accepted(medkd):
    done = medkd("corrections", "show", "v3")
    assert done.code == 0, done.err
    assert "box, point, not point, scribble, lasso" in done.out
    report = medkd("corrections", "show", "v3b", "--json").json
    assert report["record"]["label"] == "vessel"
    assert report["area"] == int(make("b", 3, "vessel").accepted.sum())
    assert medkd("corrections", "show", "nobody").code == 2


@pytest.mark.usefixtures("collected")
@pytest.mark.parametrize("form", ["nnunet", "coco", "folder"])
def test_what_is_exported_can_be_imported_elsewhere(medkd, tmp_path, form):
    out, other = tmp_path / "out", tmp_path / "other.sqlite"
    done = medkd("corrections", "export", form, out, "--case", "a", "--case", "b", "--json")
    assert done.code == 0, done.err
    assert (done.json["images"], done.json["classes"]) == (3, {"cell": 1, "vessel": 2})
    brought = medkd("corrections", "import", out, "--store", other, "--as", form, "--json")
    assert brought.code == 0, brought.err
    again = medkd("corrections", "import", out, "--store", other)
    assert "0 corrections" in again.err
    assert f"{brought.json['added']} were there already" in again.err


@pytest.mark.usefixtures("collected")
def test_delete_removes_a_case(medkd, home):
    done = medkd("corrections", "delete", "--case", "b", "--yes", "--json")
    assert (done.code, done.json["deleted"], done.json["left"]) == (0, 2, 3)
    done = medkd("corrections", "delete", "--id", "last", "--yes")
    assert "1 corrections were removed; 2 are left." in done.err
    with CorrectionStore(home / "corrections" / "corrections.sqlite") as store:
        needed = {digest for record in store.records() for digest in record.digests}
        assert set(store.arrays.digests()) == needed


@pytest.mark.usefixtures("collected")
def test_delete_asks_and_refuses_to_guess(medkd, monkeypatch):
    assert medkd("corrections", "delete").code == 2
    assert medkd("corrections", "delete", "--case", "nobody", "--yes").code == 2
    monkeypatch.setattr("typer.confirm", _no)
    assert medkd("corrections", "delete", "--case", "a").code == 130
    assert medkd("corrections", "list", "--json").json["objects"] == 5


def test_the_settings_name_the_store_of_a_team(medkd, tmp_path):
    chosen = settings.Settings.load()
    chosen.corrections_database = str(tmp_path / "team.sqlite")
    chosen.corrections_arrays = str(tmp_path / "pixels")
    chosen.save()
    with CorrectionStore(tmp_path / "team.sqlite", str(tmp_path / "pixels")) as store:
        store.add(make())
    assert medkd("corrections", "list", "--json").json["objects"] == 1


@pytest.mark.parametrize("wrong", [["--store", "mysql://x/y"], ["--part", "test"], ["--by", "day"]])
def test_what_cannot_be_done_is_a_sentence(medkd, wrong):
    done = medkd("corrections", "list", *wrong)
    assert done.code == 2
    assert done.err.startswith("medkd: ")


def test_an_import_of_nothing_is_a_sentence(medkd, tmp_path):
    done = medkd("corrections", "import", tmp_path, "--json")
    assert (done.code, done.out) == (2, "")
    assert "none of the known forms" in done.err


def test_json_is_one_object(medkd):
    json.loads(medkd("corrections", "list", "--json").out)


def _no(*args, **options):
    import typer

    raise typer.Abort
