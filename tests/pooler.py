"""pgbouncer in transaction mode, as a child of the tests."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from .databases import free_port


@contextmanager
def pgbouncer(url: str, folder: Path) -> Generator[str]:
    """The URL of the same database through a pooler with three connections."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        if os.environ.get("WAN_TEST_REQUIRE_SERVERS") == "1":
            pytest.fail("no pgbouncer on this machine")
        pytest.skip("no pgbouncer on this machine")
    to, port = urlsplit(url), free_port()
    name = to.path.removeprefix("/")
    (folder / "users").write_text('"postgres" ""\n')
    (folder / "pgbouncer.ini").write_text(f"""
[databases]
{name} = host={to.hostname} port={to.port} dbname={name}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
auth_type = trust
auth_file = {folder / "users"}
pool_mode = transaction
default_pool_size = 3
unix_socket_dir =
""")
    folder.chmod(0o755)
    for parent in folder.parents[:2]:
        parent.chmod(0o755)
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    process = subprocess.Popen(
        [program, *user, str(folder / "pgbouncer.ini")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield url.replace(f":{to.port}", f":{port}")
    finally:
        process.kill()
        process.wait()
