"""What every recipe's numbers have in common."""

import pytest

from src_training.recipes import load
from src_training.recipes.base import RecipeConfig


@pytest.mark.parametrize(
    ("values", "title"),
    [
        ({}, "My student"),
        ({"name": "lesions"}, "Lesions"),
        ({"name": "left-lung_2"}, "Left lung 2"),
        ({"name": "lesions", "title": "Naevi of our clinic"}, "Naevi of our clinic"),
        ({"title": "Naevi"}, "Naevi"),
    ],
)
def test_a_model_that_was_only_named_is_found_by_its_name(values, title):
    assert RecipeConfig.model_validate(values).title == title


@pytest.mark.parametrize("recipe", list(load()))
def test_every_recipe_does_so(recipe):
    assert load()[recipe].config.model_validate({"name": "lesions"}).title == "Lesions"
