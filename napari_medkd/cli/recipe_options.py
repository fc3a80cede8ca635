"""The settings of a recipe on the command line: read from ``--set``, and said in ``--help``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError

from napari_medkd.errors import InvalidSetting, UnknownName

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic.fields import FieldInfo

_BOUNDS = {"ge": "at least {}", "gt": "above {}", "le": "at most {}", "lt": "below {}"}


def read(recipe: str, config: type[BaseModel], settings: Sequence[str]) -> dict[str, Any]:
    """Return all settings of a recipe: what was typed as ``"key=value"``, and the defaults of the others.

    Raises
    ------
    UnknownName
        For a key that the recipe does not have; the hint lists those that it has.
    InvalidSetting
        For a value that the key cannot take.
    """
    texts = dict(_split(recipe, config, setting) for setting in settings)
    values: dict[str, Any] = {key: _value(text) for key, text in texts.items()}
    try:
        found = config.model_validate(values)
    except ValidationError as error:
        # Perhaps a text that looked like a number: as it was typed, then.
        values |= {key: texts[key] for key in _wrong(error) if key in texts}
        found = _validated(recipe, config, values)
    return found.model_dump(mode="json")


def describe(config: type[BaseModel]) -> list[tuple[str, str]]:
    """Return each setting with its default, and what it means."""
    return [
        (f"{key}={_text(field.default)}", f"{field.description or field.title or ''}{_bounds(field)}")
        for key, field in config.model_fields.items()
    ]


def _split(recipe: str, config: type[BaseModel], setting: str) -> tuple[str, str]:
    key, equals, text = setting.partition("=")
    key = key.strip()
    if not equals or not key:
        raise InvalidSetting(f"--set {setting} is not key=value.", "For example: --set batch_size=4")
    if key not in config.model_fields:
        raise UnknownName(
            f"The recipe {recipe} has no setting {key!r}.", f"Known: {', '.join(config.model_fields)}."
        )
    return key, text.strip()


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _validated(recipe: str, config: type[BaseModel], values: dict[str, Any]) -> BaseModel:
    try:
        return config.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = str(first["loc"][0]) if first["loc"] else ""
        seen = f"--set {key}={first['input']}" if key in values else "what was set"
        raise InvalidSetting(
            f"The recipe {recipe} cannot take {seen}: {_lower(first['msg'])}.", _about(config, key)
        ) from error


def _wrong(error: ValidationError) -> set[str]:
    return {str(found["loc"][0]) for found in error.errors() if found["loc"]}


def _about(config: type[BaseModel], key: str) -> str:
    field = config.model_fields.get(key)
    if field is None:
        return ""
    meaning = f"{field.title or key}: {field.description or ''}{_bounds(field)}"
    return f"{meaning} [default: {_text(field.default)}]"


def _text(value: Any) -> str:
    """Return a value as it is typed after ``--set key=``."""
    return value if isinstance(value, str) else json.dumps(value)


def _bounds(field: FieldInfo) -> str:
    """Return the values that a setting can take, as people say it; empty where any will do."""
    if get_origin(field.annotation) is Literal:
        return f" ({', '.join(map(str, get_args(field.annotation)))})"
    words = [
        phrase.format(getattr(rule, name))
        for rule in field.metadata
        for name, phrase in _BOUNDS.items()
        if getattr(rule, name, None) is not None
    ]
    return f" ({', '.join(words)})" if words else ""


def _lower(sentence: str) -> str:
    return (sentence[:1].lower() + sentence[1:]).rstrip(".")
