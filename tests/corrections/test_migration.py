import json

import pytest
from sqlalchemy import text

from napari_medkd.corrections import rows, schema
from napari_medkd.corrections.store import CorrectionStore
from napari_medkd.errors import StorageError
from tests.corrections.made import make


def test_an_older_store_is_brought_up_to_date(place, filled, monkeypatch):
    def migrate(connection):
        connection.execute(text("ALTER TABLE medkd_case ADD COLUMN note VARCHAR(10) DEFAULT 'old'"))

    monkeypatch.setattr(schema, "MIGRATIONS", [migrate])
    for _ in range(2):  # the second time there is nothing to do
        with CorrectionStore(*place) as store:
            with store._database.reading() as connection:
                notes = connection.scalars(text("SELECT note FROM medkd_case")).all()
            assert notes == ["old"] * 3
            assert store.count() == 5
            for record in store.records():
                store.load(record)


def test_a_migration_that_fails_changes_nothing(place, filled, monkeypatch):
    def migrate(connection):
        connection.execute(text("ALTER TABLE medkd_case ADD COLUMN note VARCHAR(10)"))
        connection.execute(text("SELECT * FROM nowhere"))

    with monkeypatch.context() as patched:
        patched.setattr(schema, "MIGRATIONS", [migrate])
        with pytest.raises(StorageError):
            CorrectionStore(*place)
    with CorrectionStore(*place) as store, store._database.reading() as connection:
        assert store.count() == 5
        assert "note" not in connection.execute(text("SELECT * FROM medkd_case")).keys()


def test_a_newer_store_is_left_alone(place, filled, monkeypatch):
    with filled._database.writing() as connection:
        connection.execute(text("UPDATE medkd_store SET value = '99' WHERE key = 'schema_version'"))
    with pytest.raises(StorageError, match="newer"):
        CorrectionStore(*place)


def test_an_older_record_is_read_in_todays_form(monkeypatch):
    record = _record()
    old = record.model_dump_json().replace('"label"', '"class_name"')

    def upgrade(content):
        content["label"] = content.pop("class_name")
        return content | {"schema_version": 1}

    with pytest.raises(StorageError, match="cannot be understood"):
        rows.read(old)
    monkeypatch.setattr(schema, "UPGRADES", [upgrade])
    assert rows.read(old) == record


@pytest.mark.parametrize("content", ["", "{}", "[]", json.dumps({"schema_version": "x"})])
def test_a_torn_record_is_a_sentence(content):
    with pytest.raises(StorageError, match="cannot be understood"):
        rows.read(content)


def _record():
    from napari_medkd.corrections.record import About, Record

    facts = make().about.model_dump(include=set(About.model_fields))
    return Record(**facts, image="0", accepted="1")
