"""Interactive medical segmentation with a distilled model that learns from corrections."""

__version__ = "0.1.0"
