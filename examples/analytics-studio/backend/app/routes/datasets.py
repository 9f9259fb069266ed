"""Uploaded CSV files: the file goes to the bucket as it arrives, what is known of it to PostgreSQL."""

import logging
import re
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated
from uuid import UUID, uuid4

import obstore
from fastapi import APIRouter, HTTPException, Query, Request, status
from fastapi.responses import StreamingResponse
from obstore.exceptions import BaseError as StoreError
from obstore.store import ObjectStore
from pydantic import BaseModel
from sqlalchemy import RowMapping, insert, select

from app.csv_stream import CsvInspector, InvalidCsvError
from app.links import Link, is_valid, sign
from app.services import Services, ServicesDep
from app.settings import Settings
from app.tables import datasets

MAX_UPLOAD_BYTES = 100 * 1024 * 1024
NEWEST = 100

logger = logging.getLogger(__name__)
router = APIRouter(prefix="/datasets", tags=["datasets"])


class UploadedDataset(BaseModel):
    id: UUID
    name: str
    size_bytes: int
    row_count: int
    columns: list[str]
    uploaded_at: datetime
    download_path: str


class CheckedBody:
    """The uploaded file as it passes by. An exception from it aborts the upload: a refused file leaves nothing behind.

    It remembers the refusal, because a store that may not abort raises a fault of its own instead.
    """

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks
        self.inspector = CsvInspector()
        self.refusal: HTTPException | None = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._chunks:
                self.inspector.feed(chunk)
                if self.inspector.size_bytes > MAX_UPLOAD_BYTES:
                    self.refusal = _too_large()
                    raise self.refusal
                yield chunk
            self.inspector.finish()
        except InvalidCsvError as error:
            self.refusal = HTTPException(status.HTTP_422_UNPROCESSABLE_CONTENT, str(error))
            raise self.refusal from None


@router.get("")
async def list_datasets(services: ServicesDep) -> list[UploadedDataset]:
    statement = select(datasets).order_by(datasets.c.uploaded_at.desc()).limit(NEWEST)
    rows = await services.database.read("list datasets", statement)
    return [_uploaded(row._mapping, services.settings) for row in rows]


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    openapi_extra={"requestBody": {"required": True, "content": {"text/csv": {"schema": {"type": "string"}}}}},
)
async def upload_dataset(
    request: Request, services: ServicesDep, name: Annotated[str, Query(min_length=1, max_length=120)]
) -> UploadedDataset:
    """Takes the file itself as the body: 100 MB pass through without ever being held in memory or on disk."""
    store = _store(services)
    if request.headers.get("content-type", "").partition(";")[0].strip() != "text/csv":
        raise HTTPException(status.HTTP_415_UNSUPPORTED_MEDIA_TYPE, "send the file itself, as text/csv")
    if int(request.headers.get("content-length", 0)) > MAX_UPLOAD_BYTES:
        raise _too_large()

    dataset_id = uuid4()
    object_key = f"datasets/{dataset_id}/{_file_name(name)}"
    body = CheckedBody(request.stream())
    try:
        await obstore.put_async(store, object_key, body)
    except StoreError as error:
        failure = _storage_failed(error)
        raise body.refusal or failure from error

    shape = body.inspector.shape
    statement = insert(datasets).values(
        id=dataset_id,
        name=name,
        object_key=object_key,
        size_bytes=shape.size_bytes,
        row_count=shape.row_count,
        columns=shape.columns,
    )
    [row] = await services.database.write("insert dataset", statement.returning(datasets))
    return _uploaded(row._mapping, services.settings)


@router.get("/{dataset_id}/file", response_class=StreamingResponse)
async def download_dataset(dataset_id: UUID, expires: int, signature: str, services: ServicesDep) -> StreamingResponse:
    if not is_valid(services.settings, dataset_id, Link(expires, signature)):
        raise HTTPException(status.HTTP_403_FORBIDDEN, "this link is not valid, or has expired")
    store = _store(services)
    rows = await services.database.read(
        "find dataset", select(datasets.c.object_key).where(datasets.c.id == dataset_id)
    )
    if not rows:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "no such dataset")
    object_key: str = rows[0].object_key
    try:
        file = await obstore.get_async(store, object_key)
    except StoreError as error:
        raise _storage_failed(error) from error
    disposition = f'attachment; filename="{object_key.rpartition("/")[2]}"'
    return StreamingResponse(
        (bytes(chunk) async for chunk in file.stream()),
        media_type="text/csv",
        headers={"content-disposition": disposition},
    )


def _store(services: Services) -> ObjectStore:
    if services.store is None:
        raise HTTPException(status.HTTP_503_SERVICE_UNAVAILABLE, "uploads are not configured: AWS_S3_BUCKET is not set")
    return services.store


def _uploaded(row: RowMapping, settings: Settings) -> UploadedDataset:
    link = sign(settings, row["id"])
    path = f"/api/datasets/{row['id']}/file?expires={link.expires}&signature={link.signature}"
    return UploadedDataset.model_validate({**row, "download_path": path})


def _file_name(name: str) -> str:
    """Safe in a key, in a header and on anyone's disk."""
    stem = re.sub(r"[^a-z0-9]+", "-", name.lower().removesuffix(".csv")).strip("-")
    return f"{stem or 'dataset'}.csv"


def _too_large() -> HTTPException:
    limit_mb = MAX_UPLOAD_BYTES // 1024**2
    return HTTPException(status.HTTP_413_CONTENT_TOO_LARGE, f"the file is larger than {limit_mb} MB")


def _storage_failed(error: StoreError) -> HTTPException:
    # The store's message tells of hosts and keys: it belongs in the log, not in an answer.
    logger.error("the uploads bucket failed: %s", error)
    return HTTPException(status.HTTP_502_BAD_GATEWAY, "the file store did not answer as expected")
