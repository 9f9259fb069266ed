"""A throw-away PostgreSQL server on a free loopback port, from the binaries this machine has."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

# initdb refuses to run as root; Debian's package brings this user.
UNPRIVILEGED_USER = "postgres"


@contextmanager
def temporary_postgres() -> Iterator[str]:
    """Yields the server's URL, up to and without the database's name."""
    with TemporaryDirectory(prefix="analytics-studio-") as directory, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        data = Path(directory, "data")
        user = UNPRIVILEGED_USER if os.geteuid() == 0 else None
        if user:
            shutil.chown(directory, user)

        def run(program: str, *arguments: str) -> None:
            subprocess.run([_binary(program), *arguments], check=True, capture_output=True, user=user, cwd=directory)

        run("initdb", "-D", str(data), "-U", "studio", "--auth=trust", "--no-sync", "-E", "UTF8")
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
        run("pg_ctl", "-D", str(data), "-w", "-o", options, "-l", str(Path(directory, "log")), "start")
        try:
            yield f"postgresql+asyncpg://studio@127.0.0.1:{port}"
        finally:
            run("pg_ctl", "-D", str(data), "-m", "immediate", "stop")


def _binary(name: str) -> str:
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    found = str(debian[-1]) if debian else shutil.which(name)
    if found is None:
        raise FileNotFoundError(f"{name} is not installed; set TEST_DATABASE_URL to use a server of your own")
    return found
