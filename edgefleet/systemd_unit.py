"""The systemd unit that runs an agent as a service."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["ServiceUnit"]

_COMMON: Final = """\
[Unit]
Description=edgefleet agent: runs models and follows the fleet
After=network.target
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
ExecStart={command}
EnvironmentFile=-{environment_file}
StandardInput=null
Restart=always
RestartSec=5
# Exit code 2 is a mistake in the configuration: trying again does not help.
RestartPreventExitStatus=2
WatchdogSec=60
TimeoutStopSec=10
UMask=0077
NoNewPrivileges=yes
# Rows that are not counted yet wait in memory, and must outlive the process.
RuntimeDirectory={name}
RuntimeDirectoryPreserve=yes
Environment=EDGEFLEET_RINGS=%t/{name}
"""

_SYSTEM: Final = """\
StateDirectory={name}
Environment=EDGEFLEET_STATE=%S/{name}
{user}
CapabilityBoundingSet=
LockPersonality=yes
PrivateTmp=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHome={home}
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectSystem=strict
RestrictAddressFamilies=AF_INET AF_INET6 AF_NETLINK AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
"""

_INSTALL: Final = """
[Install]
WantedBy={target}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceUnit:
    """A unit of the system or of one user.

    Attributes:
        config: The agent's configuration.
        name: Of the service, of its state folder and of its folder in memory.
        for_user: Whether it belongs to the user who calls, and not to the system.
        run_as: User that the system's service runs as; empty for one made for it.
        python: Interpreter that has edgefleet.
    """

    config: Path
    name: str = "edgefleet-agent"
    for_user: bool = False
    run_as: str = ""
    python: Path = Path(sys.executable)

    @property
    def path(self) -> Path:
        """Where systemd looks for it."""
        folder = Path("/etc/systemd/system")
        if self.for_user:
            folder = Path.home() / ".config" / "systemd" / "user"
        return folder / f"{self.name}.service"

    @property
    def environment_file(self) -> Path:
        """Where secrets lie: variables, one a line, beside the configuration."""
        return self.config.with_suffix(".env")

    def text(self) -> str:
        """Return the unit."""
        words = [str(self.python), "-m", "edgefleet", "agent", "run", "--config", str(self.config)]
        parts = _COMMON.format(
            name=self.name,
            command=" ".join(map(_quoted, words)),
            environment_file=_escaped(str(self.environment_file)),
        )
        if not self.for_user:
            is_at_home = self.python.is_relative_to("/home") or self.python.is_relative_to("/root")
            parts += _SYSTEM.format(
                name=self.name,
                user=f"User={self.run_as}" if self.run_as else "DynamicUser=yes",
                home="read-only" if is_at_home else "yes",
            )
        return parts + _INSTALL.format(
            target="default.target" if self.for_user else "multi-user.target"
        )


def _escaped(text: str) -> str:
    return text.replace("%", "%%")


def _quoted(word: str) -> str:
    """Return a word of a command line as systemd reads it."""
    escaped = _escaped(word).replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    return f'"{escaped}"' if set(escaped) & set(" \t'\"\\;") else escaped
