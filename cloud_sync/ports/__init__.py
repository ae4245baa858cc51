"""Ports: what the cloud needs from the outside world. Adapters implement them, by shape.

Every method may be called from any thread. Besides what is named, every method of a store raises
``UnavailableError`` while the store is out of reach (locked, full, damaged): nothing was written
then, and the same call may succeed later.
"""

from cloud_sync.core.pending import Analysis, Pending
from cloud_sync.ports.access import AccessStore
from cloud_sync.ports.admission import (
    Admission,
    AdmissionStore,
    Asking,
    Grant,
    ShownCertificate,
)
from cloud_sync.ports.analysis import AnalysisStore
from cloud_sync.ports.deltas import DeltaShelf, Recipe
from cloud_sync.ports.erasure import Erased, ErasureStore
from cloud_sync.ports.fleet import FleetStore
from cloud_sync.ports.groups import GroupStore
from cloud_sync.ports.labels import LabelLedger
from cloud_sync.ports.leases import LeaseStore
from cloud_sync.ports.link import FleetLink, FleetLinkHandler
from cloud_sync.ports.packages import PackageRepository, PackageVersion
from cloud_sync.ports.rollouts import RolloutStore
from cloud_sync.ports.statistics import StatisticsStore, Totals
from cloud_sync.ports.warehouse import SpecLookup, Warehouse

__all__ = [
    "AccessStore",
    "Admission",
    "AdmissionStore",
    "Analysis",
    "AnalysisStore",
    "Asking",
    "DeltaShelf",
    "Erased",
    "ErasureStore",
    "FleetLink",
    "FleetLinkHandler",
    "FleetStore",
    "Grant",
    "GroupStore",
    "LabelLedger",
    "LeaseStore",
    "PackageRepository",
    "PackageVersion",
    "Pending",
    "Recipe",
    "RolloutStore",
    "ShownCertificate",
    "SpecLookup",
    "StatisticsStore",
    "Totals",
    "Warehouse",
]
