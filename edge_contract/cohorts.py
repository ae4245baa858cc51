"""Which devices are in a rollout: a stable hash, so that widening never moves a device out."""

from edge_contract.sha256 import sha256

__all__ = ["cohort_position"]


def cohort_position(salt: str, device: str) -> float:
    """Return where a device stands in a rollout's order, from 0 up to 1.

    A device is in a stage of fraction ``f`` if its position is below ``f``; the ones with the
    smallest positions come first, so each stage contains the one before it.

    Args:
        salt: Of the rollout, so that different rollouts try different devices first.
        device: Name of the device.
    """
    digest = sha256(f"{salt}\x00{device}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48
