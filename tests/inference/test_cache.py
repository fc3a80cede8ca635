from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from napari_medkd.core.geometry import Plane
from napari_medkd.inference.cache import EmbeddingCache
from napari_medkd.inference.segmenter import Embedding


def embedding(name, nbytes=10):
    return Embedding(None, None, Plane(0, 0), (name,), nbytes)


def test_the_least_recently_used_goes_first():
    cache = EmbeddingCache(30)
    for name in "abc":
        cache.put(embedding(name))
    assert cache.get(("a",)) is not None
    cache.put(embedding("d"))
    assert [key for key in (("a",), ("b",), ("c",), ("d",)) if key in cache] == [("a",), ("c",), ("d",)]
    assert cache.nbytes == 30


def test_a_new_embedding_takes_the_place_of_the_old():
    cache = EmbeddingCache(30)
    cache.put(embedding("a", 20))
    newer = embedding("a", 5)
    cache.put(newer)
    assert cache.get(("a",)) is newer
    assert cache.nbytes == 5 and len(cache) == 1


def test_what_is_larger_than_the_budget_is_not_kept():
    cache = EmbeddingCache(30)
    cache.put(embedding("a"))
    cache.put(embedding("b", 31))
    assert ("b",) not in cache and ("a",) in cache


def test_clear_forgets_everything():
    cache = EmbeddingCache(30)
    cache.put(embedding("a"))
    cache.clear()
    assert cache.get(("a",)) is None and cache.nbytes == 0


def test_threads_do_not_lose_count():
    cache = EmbeddingCache(200)

    def work(number):
        for step in range(200):
            cache.put(embedding(f"{number}-{step % 7}"))
            cache.get((f"{number}-{step % 5}",))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert cache.nbytes == 10 * len(cache) <= 200
