"""Downloads against a server of our own on 127.0.0.1."""

from __future__ import annotations

import errno
import hashlib
import logging
import shutil
import threading

import pooch
import pytest

from napari_medkd.errors import ModelUnavailable, StorageError, UnknownName
from napari_medkd.models import catalogue, fetch, published, transfer
from tests.models import server as web

FILE = bytes(range(256)) * 8192  # 2 MiB: several chunks of the transfer
WHOLE = 700_000 // transfer._CHUNK * transfer._CHUNK  # what is kept of 700,000 bytes
NAME = "sam_vit_b_01ec64.pth"


def serving(content=FILE, **options):
    return web.serving(content, **options)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture(autouse=True)
def small_files(monkeypatch):
    """Give every entry the digest and the size of `FILE`."""
    update = {"sha256": hashlib.sha256(FILE).hexdigest(), "size": len(FILE)}
    small = tuple(
        entry.model_copy(update=update if entry.sha256 else {"size": len(FILE)})
        for entry in published.PUBLISHED
    )
    monkeypatch.setattr(catalogue, "PUBLISHED", small)


def get(folder, server=None, model="sam-vit-b", **options):
    return fetch.fetch(model, store_folder=folder, base_url=server.url if server else None, **options)


def test_a_file_is_downloaded_and_reported(tmp_path):
    seen = []
    with serving() as server:
        path = get(tmp_path / "new", server, progress=lambda done, total: seen.append((done, total)))
    assert path == tmp_path / "new" / NAME
    assert path.read_bytes() == FILE
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1] == (len(FILE), len(FILE))
    assert len(seen) > 4


def test_what_is_there_is_not_downloaded_again(tmp_path):
    with serving() as server:
        get(tmp_path, server)
        assert get(tmp_path, server).read_bytes() == FILE
    assert server.asked == [None]


def test_a_broken_connection_is_taken_up_again(tmp_path):
    with serving(drop_after=700_000) as server:
        assert get(tmp_path, server).read_bytes() == FILE
    assert server.asked == [None, f"bytes={WHOLE}-"]


def test_an_interrupted_download_goes_on_in_the_next_call(tmp_path):
    with serving() as server:

        def stop(done, _total):
            return done < 500_000

        with pytest.raises(fetch.Cancelled):
            get(tmp_path, server, progress=stop)
        kept = (tmp_path / (NAME + ".part")).stat().st_size
        assert 500_000 <= kept < len(FILE)
        assert not (tmp_path / NAME).exists()
        seen = []
        get(tmp_path, server, progress=lambda done, total: seen.append((done, total)))
    assert server.asked == [None, f"bytes={kept}-"]
    assert seen[0][0] > kept  # the count goes on, it does not start at 0
    assert seen[-1] == (len(FILE), len(FILE))
    assert (tmp_path / NAME).read_bytes() == FILE


def test_a_server_without_ranges_gives_the_whole_file_again(tmp_path):
    with serving(drop_after=700_000, ranges=False) as server:
        assert get(tmp_path, server).read_bytes() == FILE
    assert server.asked == [None, f"bytes={WHOLE}-"]


def test_a_server_that_always_breaks_off_is_given_up(tmp_path):
    with (
        serving(drop_after=100_000, drops=99, ranges=False) as server,
        pytest.raises(ModelUnavailable, match="broke off") as caught,
    ):
        get(tmp_path, server)
    assert "0.1 MB are kept" in caught.value.message
    assert len(server.asked) < 10


def test_a_part_longer_than_the_file_is_thrown_away(tmp_path):
    (tmp_path / (NAME + ".part")).write_bytes(FILE + b"more")
    with serving() as server:
        assert get(tmp_path, server).read_bytes() == FILE
    assert server.asked == [f"bytes={len(FILE) + 4}-", None]


def test_another_digest_is_refused_and_leaves_nothing(tmp_path):
    with (
        serving(content=b"an error page") as server,
        pytest.raises(ModelUnavailable, match="not the published one: 13 bytes with SHA-256 "),
    ):
        get(tmp_path, server)
    assert list(tmp_path.iterdir()) == []


def test_another_digest_is_kept_where_the_user_says_so(tmp_path, caplog):
    with serving(content=b"another") as server, caplog.at_level(logging.WARNING):
        assert get(tmp_path, server, allow_unverified=True).read_bytes() == b"another"
    assert "not the published one" in caplog.text


def test_an_advisory_digest_only_warns(tmp_path, caplog):
    with serving(content=b"another") as server, caplog.at_level(logging.WARNING):
        assert get(tmp_path, server, model="repvit-sam").read_bytes() == b"another"
    assert "not the published one" in caplog.text


def test_a_file_without_a_known_digest_has_to_be_asked_for(tmp_path):
    with serving() as server:
        with pytest.raises(ModelUnavailable, match="No digest") as caught:
            get(tmp_path, server, model="tiny-sam")
        assert "--allow-unverified" in caught.value.hint
        assert server.asked == []
        assert get(tmp_path, server, model="tiny-sam", allow_unverified=True).read_bytes() == FILE


def test_a_missing_file_says_what_the_server_said(tmp_path):
    with serving(status=404) as server, pytest.raises(ModelUnavailable, match="answers 404") as caught:
        get(tmp_path, server)
    assert NAME in caught.value.hint
    assert not (tmp_path / NAME).exists()


def test_the_second_address_is_tried_when_the_first_fails(tmp_path, monkeypatch):
    with serving(status=404) as broken, serving() as good:
        entry = catalogue.entry("mobile-sam").model_copy(update={"urls": (broken.url, good.url)})
        monkeypatch.setattr(catalogue, "PUBLISHED", (entry,))
        assert get(tmp_path, model="mobile-sam").read_bytes() == FILE


def test_an_unreachable_server_is_a_sentence(tmp_path):
    with serving() as server:
        pass
    with pytest.raises(ModelUnavailable, match=r"127\.0\.0\.1:\d+ cannot be reached"):
        get(tmp_path, server)


def test_a_proxy_of_the_environment_is_used(tmp_path, monkeypatch):
    with serving() as proxy:
        monkeypatch.delenv("NO_PROXY")
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        path = fetch.fetch("sam-vit-b", store_folder=tmp_path, base_url="http://mirror.invalid/sam")
    assert path.read_bytes() == FILE
    assert proxy.asked == [None]


def test_a_licence_is_refused_or_accepted_before_anything_moves(tmp_path):
    with serving() as server:
        with pytest.raises(ModelUnavailable, match="S-Lab") as caught:
            get(tmp_path, server, model="edge-sam")
        assert "--accept-licence" in caught.value.hint
        assert server.asked == []
        assert get(tmp_path, server, model="edge-sam", accept_licence=True).name == "edge_sam.pth"


def test_the_offline_folder_comes_before_the_network(tmp_path):
    offline, store = tmp_path / "offline", tmp_path / "store"
    offline.mkdir()
    (offline / NAME).write_bytes(FILE)
    with serving() as server:
        assert get(store, server, offline_folder=offline).read_bytes() == FILE
    assert server.asked == []
    assert (offline / NAME).read_bytes() == FILE


def test_a_wrong_offline_file_is_refused_and_left_where_it_is(tmp_path):
    offline, store = tmp_path / "offline", tmp_path / "store"
    offline.mkdir()
    (offline / NAME).write_bytes(b"wrong")
    with serving() as server, pytest.raises(ModelUnavailable, match="not the published one"):
        get(store, server, offline_folder=offline)
    assert list(store.iterdir()) == []
    assert (offline / NAME).exists()


def test_a_model_without_an_address_says_how_to_get_it(tmp_path):
    with pytest.raises(ModelUnavailable, match="no address") as caught:
        get(tmp_path, model="medsam-vit-b")
    assert "medkd models add medsam_vit_b.pth" in caught.value.hint


def test_an_event_cancels(tmp_path):
    cancel = threading.Event()
    cancel.set()
    with serving() as server, pytest.raises(fetch.Cancelled):
        get(tmp_path, server, cancel=cancel)
    assert not (tmp_path / NAME).exists()


def test_what_the_progress_callback_raises_is_let_through(tmp_path):
    def stop(_done, _total):
        raise KeyboardInterrupt

    with serving() as server, pytest.raises(KeyboardInterrupt):
        get(tmp_path, server, progress=stop)


def test_a_disk_too_small_is_told_before_the_download(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(fetch.shutil, "disk_usage", lambda _folder: usage)
    with serving() as server, pytest.raises(StorageError, match=r"no space left .*\(2 MB\)"):
        get(tmp_path, server)
    assert server.asked == []


def test_a_disk_that_fills_up_is_a_sentence(tmp_path, monkeypatch):
    def full(*_arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", full)
    with pytest.raises(StorageError, match="no space left"):
        get(tmp_path)


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="could not be stored"):
        get(tmp_path / "file" / "models")


def test_an_unknown_name_lists_the_known(tmp_path):
    with pytest.raises(UnknownName, match="mobile-sam"):
        get(tmp_path, model="mobilesam")


def test_the_timeouts_are_finite():
    assert all(0 < seconds < 120 for seconds in transfer._TIMEOUT)
