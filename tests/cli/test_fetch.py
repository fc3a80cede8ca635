"""``medkd models fetch`` from a server of our own to an installed model, with a file of random weights."""

import io

import pytest

torch = pytest.importorskip("torch")

from tests.models import official, server  # noqa: E402


@pytest.mark.slow
def test_a_published_file_is_fetched_recognised_and_installed(medkd, home, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    file = io.BytesIO()
    torch.save(official.random_state("edge-sam"), file)
    with server.serving(file.getvalue(), drop_after=20_000_000) as mirror:
        asked = ("models", "fetch", "edge-sam", "--mirror", mirror.url)
        refused = medkd(*asked, "--accept-licence")
        assert refused.code == 2 and "is not the published one" in refused.err
        outcome = medkd(*asked, "--accept-licence", "--allow-unverified", "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.json["installed"] and outcome.json["parameters"] == 9_582_112
    assert sorted(path.name for path in (home / "models" / "edge-sam").iterdir()) == [
        "card.json",
        "model.safetensors",
    ]
    assert not list((home / "downloads").iterdir())
