"""A question as data, and the one SELECT that answers it.

Names are looked up in the catalogue and values are bound: no SQL is ever taken from a caller.
"""

import operator
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator
from sqlalchemy import ColumnElement, Date, Double, Select, Text, cast, column, func, literal, select

from app.catalogue import CATALOGUE, Dataset

Named = TypeVar("Named")

_COMPARISONS: Mapping[str, Callable[[Any, Any], ColumnElement[bool]]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Measure(_Part):
    function: Literal["sum", "avg", "min", "max", "count"]
    column: str

    @property
    def label(self) -> str:
        return f"{self.function}_{self.column}"


class Filter(_Part):
    column: str
    operator: Literal["=", "!=", "<", "<=", ">", ">="]
    value: str | FiniteFloat


class QueryRequest(_Part):
    dataset: str
    dimensions: list[str] = Field(default=[], max_length=5)
    measures: list[Measure] = Field(default=[], max_length=5)
    filters: list[Filter] = Field(default=[], max_length=10)
    order_by: str | None = None
    descending: bool = False
    limit: int = Field(default=1000, ge=1)

    @model_validator(mode="after")
    def _names_are_in_the_catalogue(self) -> Self:
        dataset = _one_of("dataset", self.dataset, CATALOGUE)
        for name in self.dimensions:
            _one_of("dimension", name, dataset.dimensions)
        for measure in self.measures:
            _one_of("measure", measure.column, dataset.measures)
        for condition in self.filters:
            _bound_value(condition, _one_of("filter", condition.column, dataset.columns))
        if not self.columns:
            raise ValueError("ask for at least one dimension or measure")
        if len(set(self.columns)) != len(self.columns):
            raise ValueError("a dimension or measure is asked for twice")
        if self.order_by is not None:
            _one_of("order_by", self.order_by, dict.fromkeys(self.columns))
        return self

    @property
    def columns(self) -> list[str]:
        return [*self.dimensions, *(measure.label for measure in self.measures)]


class QueryResult(BaseModel):
    source: Literal["database", "cache"]
    columns: list[str]
    rows: list[list[str | float | None]]
    truncated: bool


def build_select(request: QueryRequest, *, limit: int) -> Select[Any]:
    """The SELECT; it asks for one row more than may be returned, which tells whether there are more."""
    dataset = CATALOGUE[request.dataset]
    grouped = [dataset.dimensions[name] for name in request.dimensions]
    statement = (
        select(
            *(_as_json(dataset.dimensions[name]).label(name) for name in request.dimensions),
            *(_aggregate(measure, dataset) for measure in request.measures),
        )
        .where(*(_condition(condition, dataset) for condition in request.filters))
        .limit(limit + 1)
    )
    if request.measures:
        statement = statement.group_by(*grouped)
    if request.order_by is not None:
        ordering: ColumnElement[Any] = column(request.order_by)
        return statement.order_by(ordering.desc() if request.descending else ordering)
    return statement.order_by(*(column(name) for name in request.dimensions))


def _one_of(what: str, name: str, known: Mapping[str, Named]) -> Named:
    if name not in known:
        raise ValueError(f"unknown {what} {name!r}; known: {', '.join(known)}")
    return known[name]


def _aggregate(measure: Measure, dataset: Dataset) -> ColumnElement[Any]:
    function = getattr(func, measure.function)
    return cast(function(dataset.measures[measure.column]), Double).label(measure.label)


def _as_json(expression: ColumnElement[Any]) -> ColumnElement[Any]:
    return cast(expression, Text) if isinstance(expression.type, Date) else expression


def _condition(condition: Filter, dataset: Dataset) -> ColumnElement[bool]:
    expression = dataset.columns[condition.column]
    return _COMPARISONS[condition.operator](expression, _bound_value(condition, expression))


def _bound_value(condition: Filter, expression: ColumnElement[Any]) -> ColumnElement[Any]:
    """The value in its column's type; PostgreSQL would refuse, or worse convert, any other."""
    value = condition.value
    if isinstance(expression.type, Text) and isinstance(value, str):
        return literal(value, Text)
    if isinstance(expression.type, Date) and isinstance(value, str):
        return literal(date.fromisoformat(value), Date)
    if not isinstance(expression.type, Text | Date) and not isinstance(value, str):
        return literal(value, Double)
    raise ValueError(f"filter on {condition.column!r} got a value of another type than the column's")
