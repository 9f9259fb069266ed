"""Questions to the data: the dashboard's summary, and free queries over the catalogue."""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel
from sqlalchemy import Double, cast, func, select

from app.cache import cache_key
from app.catalogue import CATALOGUE
from app.query import QueryRequest, QueryResult, build_select
from app.services import Services, ServicesDep
from app.tables import sales

router = APIRouter(tags=["analytics"])


Breakdown = Literal["month", "region", "category", "channel"]


class SummaryRow(BaseModel):
    label: str
    revenue: float
    orders: int
    units: int


class Summary(BaseModel):
    source: Literal["database", "cache"]
    by: Breakdown
    rows: list[SummaryRow]


class CatalogueEntry(BaseModel):
    name: str
    title: str
    dimensions: list[str]
    measures: list[str]


@router.get("/catalogue")
async def catalogue() -> list[CatalogueEntry]:
    return [
        CatalogueEntry(name=name, title=dataset.title, dimensions=[*dataset.dimensions], measures=[*dataset.measures])
        for name, dataset in CATALOGUE.items()
    ]


@router.get("/summary")
async def summary(services: ServicesDep, by: Breakdown = "month") -> Summary:
    key = cache_key(services.settings, "summary", by)
    if (cached := await services.cache.get(key)) is not None:
        return Summary.model_validate_json(cached).model_copy(update={"source": "cache"})

    label = CATALOGUE["sales"].dimensions[by]
    revenue = func.sum(sales.c.revenue)
    statement = (
        select(
            label.label("label"),
            cast(revenue, Double).label("revenue"),
            func.count().label("orders"),
            func.sum(sales.c.units).label("units"),
        )
        .group_by(label)
        .order_by(label if by == "month" else revenue.desc())
    )
    rows = await services.database.read("summary", statement)
    answer = Summary(source="database", by=by, rows=[SummaryRow.model_validate(row._mapping) for row in rows])
    await services.cache.set(key, answer.model_dump_json().encode())
    return answer


@router.post("/query")
async def query(request: QueryRequest, services: ServicesDep) -> QueryResult:
    return await run_query(request, services)


async def run_query(request: QueryRequest, services: Services) -> QueryResult:
    key = cache_key(services.settings, "query", request.model_dump_json())
    if (cached := await services.cache.get(key)) is not None:
        return QueryResult.model_validate_json(cached).model_copy(update={"source": "cache"})

    limit = min(request.limit, services.settings.max_query_rows)
    rows = await services.database.read("query", build_select(request, limit=limit))
    answer = QueryResult(
        source="database",
        columns=request.columns,
        rows=[[*row] for row in rows[:limit]],
        truncated=len(rows) > limit,
    )
    await services.cache.set(key, answer.model_dump_json().encode())
    return answer
