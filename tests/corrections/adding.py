"""A process that adds corrections and says the id of each once it is kept: for tests that kill it."""

import sys
from itertools import count

from napari_medkd.corrections.store import CorrectionStore
from tests.corrections.made import make


def main() -> None:
    database, arrays, name, many = sys.argv[1:]
    with CorrectionStore(database, arrays) as store:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        for seed in range(int(many)) if int(many) else count():
            record = store.add(make(f"{name}-{seed % 4}", seed=hash((name, seed)) % 2**32))
            sys.stdout.write(record.id + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
