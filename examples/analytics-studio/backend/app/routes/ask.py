"""A question in plain words.

The model answers with a QueryRequest, never with SQL, so it can ask no more than a user can.
"""

import json
import logging

import httpx2
from fastapi import APIRouter, HTTPException, status
from pydantic import BaseModel, Field, ValidationError

from app.catalogue import CATALOGUE
from app.query import QueryRequest, QueryResult
from app.routes.analytics import run_query
from app.services import Services, ServicesDep

OPENAI_URL = "https://api.openai.com/v1/chat/completions"
MAX_ANSWER_TOKENS = 500

logger = logging.getLogger(__name__)
router = APIRouter(tags=["ask"])


class Question(BaseModel):
    question: str = Field(min_length=3, max_length=500)


class Answer(BaseModel):
    query: QueryRequest
    result: QueryResult


@router.post("/ask")
async def ask(question: Question, services: ServicesDep) -> Answer:
    if services.settings.openai_api_key is None:
        raise HTTPException(status.HTTP_503_SERVICE_UNAVAILABLE, "not configured: OPENAI_API_KEY is not set")
    query = await _translate(question.question, services, services.settings.openai_api_key.get_secret_value())
    return Answer(query=query, result=await run_query(query, services))


async def _translate(question: str, services: Services, key: str) -> QueryRequest:
    body = {
        "model": services.settings.openai_model,
        "messages": [{"role": "system", "content": _instructions()}, {"role": "user", "content": question}],
        "response_format": {"type": "json_object"},
        "max_tokens": MAX_ANSWER_TOKENS,
        "temperature": 0,
    }
    try:
        response = await services.http.post(OPENAI_URL, json=body, headers={"authorization": f"Bearer {key}"})
        response.raise_for_status()
        return QueryRequest.model_validate_json(response.json()["choices"][0]["message"]["content"])
    except httpx2.HTTPError as error:
        logger.error("OpenAI failed: %s", type(error).__name__)
        raise HTTPException(status.HTTP_502_BAD_GATEWAY, "the language model did not answer") from error
    except (ValidationError, ValueError, LookupError, TypeError) as error:
        logger.warning("OpenAI's answer was no query: %s", type(error).__name__)
        raise HTTPException(
            status.HTTP_422_UNPROCESSABLE_CONTENT, "the question could not be turned into a query"
        ) from error


def _instructions() -> str:
    catalogue = {
        name: {"dimensions": [*dataset.dimensions], "measures": [*dataset.measures]}
        for name, dataset in CATALOGUE.items()
    }
    return (
        "Turn the user's question into one JSON object of this schema, and nothing else. "
        "order_by is a dimension, or a measure written function_column. Dates are YYYY-MM-DD, months YYYY-MM.\n"
        f"Schema: {json.dumps(QueryRequest.model_json_schema())}\n"
        f"Datasets: {json.dumps(catalogue)}"
    )
