"""``python -m napari_medkd`` is ``medkd``."""

from napari_medkd.cli import main

if __name__ == "__main__":
    main()
