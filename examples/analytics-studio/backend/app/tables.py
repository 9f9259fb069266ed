"""The schema as the queries see it. The migrations create it."""

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    DateTime,
    Identity,
    Integer,
    MetaData,
    Numeric,
    Table,
    Text,
    Uuid,
    func,
)
from sqlalchemy.dialects.postgresql import ARRAY

metadata = MetaData()

sales = Table(
    "sales",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("sold_on", Date, nullable=False, index=True),
    Column("region", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("units", Integer, nullable=False),
    Column("revenue", Numeric(12, 2), nullable=False),
)

visits = Table(
    "visits",
    metadata,
    Column("day", Date, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("sessions", Integer, nullable=False),
    Column("signups", Integer, nullable=False),
)

datasets = Table(
    "datasets",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("name", Text, nullable=False),
    Column("object_key", Text, nullable=False, unique=True),
    Column("size_bytes", BigInteger, nullable=False),
    Column("row_count", BigInteger, nullable=False),
    Column("columns", ARRAY(Text), nullable=False),
    Column("uploaded_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
