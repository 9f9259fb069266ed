#!/bin/sh
# The part of the official postgres image's entry point that an RDS instance needs.
set -e
[ "${1#-}" = "$1" ] || set -- postgres "$@"
[ "$1" = postgres ] || exec "$@"
data="${PGDATA:-/var/lib/postgresql/data}"
user="${POSTGRES_USER:-postgres}"
database="${POSTGRES_DB:-$user}"
mkdir -p "$data" /var/run/postgresql
chown postgres:postgres "$data" /var/run/postgresql
chmod 700 "$data"
if [ ! -s "$data/PG_VERSION" ]; then
  secret="$(mktemp)"
  printf '%s\n' "$POSTGRES_PASSWORD" > "$secret"
  chown postgres "$secret"
  gosu postgres initdb --pgdata "$data" --username "$user" --pwfile "$secret" --auth-host scram-sha-256 --auth-local trust --encoding UTF8 --no-sync > /dev/null
  rm -f "$secret"
  echo 'host all all all scram-sha-256' >> "$data/pg_hba.conf"
  if [ "$database" != postgres ]; then
    echo "CREATE DATABASE \"$database\"" | gosu postgres postgres --single -j -D "$data" postgres > /dev/null
  fi
fi
shift
exec gosu postgres postgres -D "$data" -c listen_addresses='*' "$@"
