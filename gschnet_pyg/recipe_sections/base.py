"""What all sections share; unknown keys are errors everywhere."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PositiveInt, field_validator

Fraction = Annotated[float, Field(gt=0, lt=1)]
Share = Annotated[float, Field(ge=0, le=1)]
PositiveShare = Annotated[float, Field(gt=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
Name = Annotated[str, Field(pattern=r"^\w[\w.-]*$")]
Width = Annotated[int, Field(gt=0, le=65_536)]
Layers = Annotated[int, Field(gt=0, le=1_000)]
NumberOfProcesses = Annotated[int, Field(ge=0, le=1_024)]
PropertyName = Annotated[str, Field(min_length=1)]


def _no_whole_fraction(size: Any) -> Any:
    """Keep 1.0, which looks like all molecules, from being read as one molecule."""
    if isinstance(size, float) and size >= 1:
        raise ValueError("a fraction is below 1; write a count as a whole number")
    return size


Size = Annotated[PositiveInt | Fraction | None, BeforeValidator(_no_whole_fraction)]
OptionalSize = Annotated[Count | Fraction | None, BeforeValidator(_no_whole_fraction)]


class Section(BaseModel):
    """Part of a recipe; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)

    @field_validator("*")
    @classmethod
    def _of_64_bits(cls, value: Any) -> Any:
        """Keep numbers out that no array, file or loop could count to."""
        if isinstance(value, int) and abs(value) >= 2**63:
            raise ValueError("is too large a number")
        return value
