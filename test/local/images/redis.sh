#!/bin/sh
# The part of the official redis image's entry point that an ElastiCache node needs.
set -e
[ "${1#-}" = "$1" ] || set -- redis-server "$@"
[ "$1" = redis-server ] || exec "$@"
shift
cd /data
exec gosu redis redis-server --bind 0.0.0.0 --protected-mode no --save '' "$@"
