"""What may be asked: the datasets, their dimensions and measures. Nothing outside this list reaches the database."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from sqlalchemy import ColumnElement, Table, Text, func, literal_column

from app.tables import sales, visits


@dataclass(frozen=True)
class Dataset:
    table: Table
    title: str
    dimensions: Mapping[str, ColumnElement[Any]]
    measures: Mapping[str, ColumnElement[Any]]

    @property
    def columns(self) -> Mapping[str, ColumnElement[Any]]:
        return {**self.dimensions, **self.measures}


def _month(day: ColumnElement[Any]) -> ColumnElement[str]:
    # A literal, not a bound value: SELECT and GROUP BY must be seen to hold the very same expression.
    return func.to_char(day, literal_column("'YYYY-MM'"), type_=Text)


CATALOGUE: Mapping[str, Dataset] = MappingProxyType(
    {
        "sales": Dataset(
            table=sales,
            title="Sales",
            dimensions={
                "month": _month(sales.c.sold_on),
                "sold_on": sales.c.sold_on,
                "region": sales.c.region,
                "category": sales.c.category,
                "channel": sales.c.channel,
            },
            measures={"revenue": sales.c.revenue, "units": sales.c.units},
        ),
        "visits": Dataset(
            table=visits,
            title="Website visits",
            dimensions={"month": _month(visits.c.day), "day": visits.c.day, "channel": visits.c.channel},
            measures={"sessions": visits.c.sessions, "signups": visits.c.signups},
        ),
    }
)
