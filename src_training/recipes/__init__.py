"""Recipes by name. A recipe is one module here with one registration; no torch until its stages are built."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from src_training.recipes.base import Recipe, RecipeConfig, recipes

if TYPE_CHECKING:
    from napari_medkd.core.registry import Registry

__all__ = ["Recipe", "RecipeConfig", "load"]

_MODULES = ("efficient_medsam", "esp_medsam", "interactive", "kd_sam", "lora_teacher", "refresh", "ts_kd")


def load() -> Registry[type[Recipe]]:
    """Return the recipes that there are."""
    for module in _MODULES:
        import_module(f"{__name__}.{module}")
    return recipes
