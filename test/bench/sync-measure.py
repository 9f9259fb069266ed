"""Runs one command to its end and prints what it cost, as JSON: wall and CPU seconds, peak memory of the process in bytes, exit code.

Usage: sync-measure.py LIMIT_SECONDS OUTPUT_FILE COMMAND [ARGUMENT ...]

Node cannot ask for the resource usage of one child; wait4 can. The command is killed when the limit is over, and when our
standard input ends: whoever started us is gone then.
"""

import json
import os
import signal
import sys
import threading
import time

limit, output, command = float(sys.argv[1]), sys.argv[2], sys.argv[3:]
log = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
null = os.open(os.devnull, os.O_RDONLY)
expired = threading.Event()

started = time.monotonic()
child = os.posix_spawnp(
    command[0],
    command,
    os.environ,
    file_actions=[(os.POSIX_SPAWN_DUP2, null, 0), (os.POSIX_SPAWN_DUP2, log, 1), (os.POSIX_SPAWN_DUP2, log, 2)],
    setpgroup=0,
)


def kill():
    try:
        os.killpg(child, signal.SIGKILL)
    except ProcessLookupError:
        pass


def expire():
    expired.set()
    kill()


def watch():
    while os.read(0, 4096):
        pass
    kill()


timer = threading.Timer(limit, expire)
timer.daemon = True
timer.start()
threading.Thread(target=watch, daemon=True).start()

_, status, usage = os.wait4(child, 0)
wall = time.monotonic() - started
scale = 1 if sys.platform == "darwin" else 1024
print(
    json.dumps(
        {
            "wall": wall,
            "cpu": usage.ru_utime + usage.ru_stime,
            "peak": usage.ru_maxrss * scale,
            "code": None if expired.is_set() else os.waitstatus_to_exitcode(status),
        }
    ),
    flush=True,
)
os._exit(0)
