"""A Debian for aarch64 in a folder of its own, whose programs an emulator runs.

debootstrap unpacks Debian's packages; qemu-user runs their programs; proot has every program that
one of them starts emulated as well, so that nothing is changed in the kernel of this machine.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from edge_contract.errors import UnavailableError

__all__ = ["ArmSystem", "lacks"]

_TOOLS: Final = {
    "debootstrap": "debootstrap",
    "proot": "proot",
    "qemu-aarch64-static": "qemu-user-static",
    "unshare": "util-linux",
}
_PATH: Final = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
_SUITE: Final = "bookworm"
_PYTHON: Final = "3.11"
_PLATFORMS: Final = ("manylinux_2_28_aarch64", "manylinux_2_27_aarch64", "manylinux2014_aarch64")
_ROOT: Final = Path(__file__).parents[1]
_MADE: Final = ".made"


def lacks() -> str:
    """Return what this machine lacks to make and run such a system; empty if nothing."""
    missing = [package for tool, package in _TOOLS.items() if _which(tool) is None]
    if missing:
        return f"needs Debian and: apt-get install {' '.join(missing)}"
    if os.geteuid() != 0:
        return "needs root, as debootstrap does"
    return ""


class ArmSystem:
    """An aarch64 system with Python.

    Args:
        folder: Where it lies; what was made there by an earlier run is used again.
    """

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        self._folder = folder
        self._log = folder / "log.txt"

    def make(self) -> None:
        """Unpack and configure it, in ten minutes; do nothing if that was done.

        Raises:
            UnavailableError: A step failed; the error names its log.
        """
        if (self._folder / _MADE).exists():
            return
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        packages = "--include=python3,python3-venv,ca-certificates"
        self._step(
            *("debootstrap", "--arch=arm64", "--foreign", "--variant=minbase", packages),
            *(_SUITE, str(self.root), _mirror()),
        )
        proc = self.root / "proc"
        if proc.is_symlink():  # in a container, to what programs of this machine would find there
            proc.unlink()
            proc.mkdir()
        self._step(
            *self.command("/debootstrap/debootstrap", "--second-stage"),
            variables={"DEBOOTSTRAP_DIR": "/debootstrap"},
        )
        (self._folder / _MADE).touch()

    def install_agent(self) -> None:
        """Install this very code with its extra ``agent`` into ``/venv``, from ready wheels alone.

        Raises:
            UnavailableError: As for :meth:`make`.
        """
        wheels = self.root / "wheels"
        shutil.rmtree(wheels, ignore_errors=True)
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
        self._step(*pip, "wheel", "--no-deps", "--wheel-dir", str(wheels), str(_ROOT))
        (ours,) = wheels.glob("edgefleet-*.whl")
        target = [word for name in _PLATFORMS for word in ("--platform", name)]
        self._step(
            *(*pip, "download", "--dest", str(wheels), "--only-binary=:all:", *target),
            *("--python-version", _PYTHON, "--implementation", "cp", f"{ours}[agent]"),
        )
        self._step(*self.command("/usr/bin/python3", "-m", "venv", "--clear", "/venv"))
        self._step(
            *self.command("/venv/bin/pip", "--quiet", "install", "--no-index"),
            *("--find-links", "/wheels", "edgefleet[agent]"),
        )

    def forget(self, path: str) -> None:
        """Remove a folder of the system, if it is there."""
        shutil.rmtree(self.root / path.removeprefix("/"), ignore_errors=True)

    def command(self, *words: str) -> list[str]:
        """Return the command that runs a program of the system; it shares our network."""
        # It does not see /sys, where onnxruntime would find a processor that is not emulated.
        emulated = ("-q", "qemu-aarch64-static", "-0", "-r", str(self.root), "-b", "/proc")
        # Root inside is root outside: devices and what it mounts and unmounts shall be its own.
        apart = ("unshare", "--mount", "--propagation", "private")
        return [*apart, "proot", *emulated, "-w", "/", *words]

    def _step(self, *command: str, variables: dict[str, str] | None = None) -> None:
        with self._log.open("a") as log:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **(variables or {}), "PATH": _PATH},
                check=False,
            )
        if done.returncode:
            raise UnavailableError(
                f"{command[0]} ended with {done.returncode}; {str(self._log)!r} says why"
            )


def _which(tool: str) -> str | None:
    return shutil.which(tool, path=_PATH)


def _mirror() -> str:
    """Return where this machine itself takes Debian's packages from."""
    ask = ("apt-get", "indextargets", "--format", "$(RELEASE)\t$(SITE)", "Created-By: Packages")
    found = subprocess.run(
        ask,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.splitlines()
    for line in found:
        release, _, site = line.partition("\t")
        if release == _SUITE:
            return site
    raise UnavailableError(f"apt-get of this machine knows no source of Debian {_SUITE}")
