"""What a run remembers of the label image that its first classes come from: a few numbers for each label."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from napari_em_autoclass.core.palette import MAX_CLASSES
from napari_em_autoclass.core.settings import Settings

__all__ = ["LabelStart"]

_MAX_CHANNELS = 32  # of a filter bank of eight scales
_Name = Annotated[str, Field(max_length=1000)]
_Label = Annotated[int, Field(ge=1, le=2**64 - 1)]
_Responses = Annotated[tuple[float, ...], Field(min_length=1, max_length=_MAX_CHANNELS)]


class LabelStart(Settings):
    """Labels that become the first classes: class 1 is the smallest of their values, class 2 the next."""

    source: str = Field("", max_length=4000)
    """The label image."""
    labels: tuple[_Label, ...] = Field(min_length=1, max_length=MAX_CLASSES)
    """Their values in the image, ascending."""
    names: tuple[_Name, ...] = Field((), max_length=MAX_CLASSES)
    """Their names, as far as the image tells; empty where it tells none."""
    responses: tuple[_Responses, ...] = Field(min_length=1, max_length=MAX_CLASSES)
    """Mean response of each filter to the normalised stack, for each label."""

    @model_validator(mode="after")
    def _belong_together(self) -> LabelStart:
        if list(self.labels) != sorted(set(self.labels)):
            raise ValueError("labels must ascend")
        if len(self.responses) != len(self.labels) or len(self.names) not in (0, len(self.labels)):
            raise ValueError("names and responses must be as many as labels")
        if len({len(each) for each in self.responses}) > 1:
            raise ValueError("labels must have as many responses each")
        return self
