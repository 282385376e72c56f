"""Frozen, validated base of every settings class.

A settings object is never edited: `Settings.replace` returns a validated copy, and whoever holds the old one keeps a
consistent view.  That is what lets the dock swap the settings of a running trainer from another thread without a lock.
The docstring under a field is its description: tooltip in the dock, text of the reference page.
"""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_em_autoclass.core.errors import InputError

__all__ = ["Nanometres", "Settings", "first_problem"]

Nanometres = Annotated[float, Field(gt=0, le=1e6)]
"""A length in an image."""


class Settings(BaseModel):
    """Base of all settings: frozen, no unknown fields, field docstrings become descriptions."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    def replace(self, **changes: Any) -> Self:
        """Return a validated copy with `changes` applied.

        Raises
        ------
        InputError
            If a field is unknown or a value is out of bounds (pydantic's own ``model_copy`` would let both pass).
        """
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        try:
            return type(self).model_validate({**fields, **changes})
        except ValidationError as error:
            raise InputError(first_problem(error)) from error


def first_problem(error: ValidationError) -> str:
    """Return the first problem of a validation error as one line: where, what was given, what is allowed."""
    problem = error.errors()[0]
    where = ".".join(str(part) for part in problem["loc"]) or error.title
    given = problem.get("input")
    shown = "" if given is None or isinstance(given, (dict, list, tuple, BaseModel)) else f" (got {given!r})"
    return f"setting {where}: {problem['msg']}{shown}"
