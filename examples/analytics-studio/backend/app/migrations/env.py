"""Alembic's way in. app.migrate hands over the connection, whose transaction holds the lock."""

from alembic import context

from app.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
