from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from obstore.store import MemoryStore, S3Store

from app import links
from app.api import create_app
from app.routes import datasets
from app.settings import Settings
from tests.conftest import services_for

CSV = b'city,note\nOslo,"two\nlines, ""quoted"""\nLima,plain\n'


def upload(client: TestClient, body: bytes | Iterator[bytes], **headers: str) -> Any:
    return client.post(
        "/api/datasets",
        params={"name": "City Notes (1).CSV"},
        content=body,
        headers={"content-type": "text/csv"} | headers,
    )


def test_upload_list_and_download(client: TestClient) -> None:
    response = upload(client, CSV)
    assert response.status_code == 201
    created = response.json()
    assert created["name"] == "City Notes (1).CSV"
    assert created["size_bytes"] == len(CSV)
    assert created["row_count"] == 2
    assert created["columns"] == ["city", "note"]

    listed = client.get("/api/datasets").json()[0]
    assert listed["id"] == created["id"]

    download = client.get(listed["download_path"])
    assert download.content == CSV
    assert download.headers["content-type"].startswith("text/csv")
    assert download.headers["content-disposition"] == 'attachment; filename="city-notes-1.csv"'


def test_the_file_lies_under_datasets(settings: Settings) -> None:
    store = MemoryStore()
    with TestClient(create_app(services_for(settings, store=store))) as client:
        dataset_id = upload(client, CSV).json()["id"]
    assert [entry["path"] for entry in store.list().collect()] == [f"datasets/{dataset_id}/city-notes-1.csv"]


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"", "the first line must name every column"),
        (b"a,,c\n1,2,3\n", "the first line must name every column"),
        (b"a,a\n", "two columns have the same name"),
        (b'a,b\n1,"2\n', "a quoted field is never closed"),
        (b"a,b\n\xff\xfe\n", "the file is not UTF-8 text"),
        (b"a,b\n1,\xc3", "the file is not UTF-8 text"),
        (b"PK\x03\x04\0\0", "the file is binary, not CSV"),
        (b"a" * 70_000, "the first line is too long to be a header"),
    ],
)
def test_a_file_that_is_no_csv_is_refused_and_not_kept(settings: Settings, body: bytes, fault: str) -> None:
    store = MemoryStore()
    with TestClient(create_app(services_for(settings, store=store))) as client:
        response = upload(client, body)
    assert response.status_code == 422
    assert response.json() == {"detail": fault}
    assert store.list().collect() == []


def test_a_file_over_the_limit_is_refused_and_not_kept(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "MAX_UPLOAD_BYTES", 1024**2)
    store = MemoryStore()
    with TestClient(create_app(services_for(settings, store=store))) as client:
        announced = upload(client, b"a,b\n" + b"1,2\n" * 300_000)
        streamed = upload(client, iter([b"a,b\n", *[b"1,2\n" * 1000] * 300]))
    for response in (announced, streamed):
        assert response.status_code == 413
        assert response.json() == {"detail": "the file is larger than 1 MB"}
    assert store.list().collect() == []


def test_only_the_file_itself_is_taken(client: TestClient) -> None:
    assert upload(client, CSV, **{"content-type": "multipart/form-data"}).status_code == 415


def test_uploads_are_off_without_a_bucket(settings: Settings) -> None:
    with TestClient(create_app(services_for(settings, store=None))) as client:
        assert upload(client, CSV).status_code == 503


def bucket_at(endpoint: str) -> S3Store:
    return S3Store(
        "bucket",
        region="us-east-1",
        endpoint=endpoint,
        access_key_id="id",
        secret_access_key="not-for-the-log",
        client_options={"allow_http": True},
        retry_config={"max_retries": 0},
    )


@pytest.fixture
def bucket_without_abort() -> Iterator[S3Store]:
    """Speaks just enough S3 to begin an upload, and denies to abort it."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = b"<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>"
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_DELETE(self) -> None:
            self.send_response(403)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield bucket_at(f"http://127.0.0.1:{server.server_port}")
        server.shutdown()


def test_a_refusal_is_told_even_where_the_upload_may_not_be_aborted(
    settings: Settings, bucket_without_abort: S3Store
) -> None:
    with TestClient(create_app(services_for(settings, store=bucket_without_abort))) as client:
        response = upload(client, b"a,a\n")
    assert response.status_code == 422
    assert response.json() == {"detail": "two columns have the same name"}


def test_a_bucket_that_fails_is_not_the_callers_fault(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    store = bucket_at("http://127.0.0.1:1")
    with TestClient(create_app(services_for(settings, store=store))) as client:
        response = upload(client, CSV)
    assert response.status_code == 502
    assert "the uploads bucket failed" in caplog.text
    assert "not-for-the-log" not in caplog.text


def test_links_are_for_one_file_and_a_time(settings: Settings, client: TestClient) -> None:
    path = upload(client, CSV).json()["download_path"]
    dataset_id = uuid4()
    expired = links.sign(settings, dataset_id, expires=1)
    assert client.get(path + "0").status_code == 403
    assert client.get(path.replace("expires=", "expires=9")).status_code == 403
    assert not links.is_valid(settings, dataset_id, expired)
    unknown = links.sign(settings, dataset_id)
    assert (
        client.get(
            f"/api/datasets/{dataset_id}/file?expires={unknown.expires}&signature={unknown.signature}"
        ).status_code
        == 404
    )
