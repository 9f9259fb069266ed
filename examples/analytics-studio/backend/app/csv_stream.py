"""Looks at a CSV file while it passes by in chunks: never more than one chunk of it is in memory."""

import codecs
import csv
from dataclasses import dataclass

MAX_HEADER_BYTES = 64 * 1024


class InvalidCsvError(ValueError):
    """The file is no CSV file we accept; the message is for the user."""


@dataclass(frozen=True)
class CsvShape:
    columns: list[str]
    row_count: int
    size_bytes: int


class CsvInspector:
    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._head = ""
        self._columns: list[str] | None = None
        self._line_ends = 0
        self._size_bytes = 0
        self._inside_quotes = False
        self._last = b"\n"

    @property
    def size_bytes(self) -> int:
        return self._size_bytes

    def feed(self, chunk: bytes) -> None:
        self._size_bytes += len(chunk)
        self._decode(chunk)
        self._count_line_ends(chunk)
        self._last = chunk[-1:] or self._last

    def finish(self) -> None:
        self._decode(b"", final=True)
        if self._columns is None:
            self._columns = _parse_header(self._head)
        if self._inside_quotes:
            raise InvalidCsvError("a quoted field is never closed")

    @property
    def shape(self) -> CsvShape:
        lines = self._line_ends + (self._last != b"\n")
        return CsvShape(self._columns or [], row_count=max(lines - 1, 0), size_bytes=self._size_bytes)

    def _decode(self, chunk: bytes, *, final: bool = False) -> None:
        try:
            text = self._decoder.decode(chunk, final)
        except UnicodeDecodeError:
            raise InvalidCsvError("the file is not UTF-8 text") from None
        if "\0" in text:
            raise InvalidCsvError("the file is binary, not CSV")
        if self._columns is None:
            self._head += text
            if "\n" in self._head:
                self._columns = _parse_header(self._head)
            elif len(self._head) > MAX_HEADER_BYTES:
                raise InvalidCsvError("the first line is too long to be a header")

    def _count_line_ends(self, chunk: bytes) -> None:
        """A line end inside quotes belongs to its field; a doubled quote closes and opens again."""
        for index, part in enumerate(chunk.split(b'"')):
            if index:
                self._inside_quotes = not self._inside_quotes
            if not self._inside_quotes:
                self._line_ends += part.count(b"\n")


def _parse_header(text: str) -> list[str]:
    first_line = text.split("\n", 1)[0].rstrip("\r")
    columns = [column.strip() for column in next(csv.reader([first_line]), [])]
    if not columns or not all(columns):
        raise InvalidCsvError("the first line must name every column")
    if len(set(columns)) != len(columns):
        raise InvalidCsvError("two columns have the same name")
    return columns
