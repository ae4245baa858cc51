"""A fleet whose releases are signed: keys, the cloud's side, and a mirror that lies as asked."""

import datetime
from pathlib import Path
from typing import Final

from cloud_sync.trust.ceremony import Ceremony, Passwords
from cloud_sync.trust.keys import load_key
from cloud_sync.trust.online import OnlineRoles
from cloud_sync.trust.releasing import released
from edge_agent.adapters.tuf_fetcher import TufFetcher
from edge_agent.adapters.tuf_verifier import TufVerifier
from edge_contract.package import Package
from tests.security.mirrors import Mirror
from tests.support.packages import digits, with_version

__all__ = ["DAY", "NOW", "V1", "V2", "Fleet"]

NOW: Final = datetime.datetime.now(datetime.UTC)
DAY: Final = datetime.timedelta(days=1)
V1, V2 = digits().package, with_version(digits().package, "1.1.0")


class Fleet:
    """Keys, the cloud's side, and a mirror of it."""

    def __init__(self, folder: Path, mirror: Mirror) -> None:
        self.keys = folder / "keys"
        self.mirror = mirror
        self.ceremony = self.ceremony_at(NOW)
        self.ceremony.begin(["digits"])
        self.root = (mirror.folder / "root.json").read_bytes()
        self.online = OnlineRoles(self.ceremony.cloud)

    def ceremony_at(self, now: datetime.datetime) -> Ceremony:
        return Ceremony(self.keys, Passwords(), now=now)

    def release(self, package: Package, *, now: datetime.datetime = NOW) -> None:
        signer = load_key(self.keys / "model-digits.pem", password=None)
        newest = self.online.metadata.targets("model-digits")
        self.online.accept("model-digits", released(newest, package, signer, now=now), now=now)

    def device(self, folder: Path) -> TufVerifier:
        return TufVerifier(folder, self.root, TufFetcher())
