"""What a program asks the cloud about devices' membership: who may join, who has, who is apart."""

from cloud_sync.api.json_views import view_from_json
from cloud_sync.backend import (
    CredentialView,
    ErasureView,
    JoinTokenView,
    NewJoinTokenView,
    QuarantineView,
)
from edge_agent.way_to_cloud import with_host
from edge_contract.reading import JsonObject
from edgefleet.connection import ApiConnection, segment_of

__all__ = ["MemberCalls"]


class MemberCalls:
    """Part of :class:`edgefleet.Cloud`."""

    _api: ApiConnection

    def create_join_token(
        self, *, device: str = "", uses: int = 1, expires_s: float = 3600.0, label: str = ""
    ) -> NewJoinTokenView:
        """Make a join token; what it returns is the only place where its secret is.

        Args:
            device: The only device that may use it; empty for any.
            uses: How many devices may join by it.
            expires_s: After so long it is refused.
            label: What it is for.
        """
        order: JsonObject = {
            "device": device,
            "uses": uses,
            "expires_s": expires_s,
            "label": label,
        }
        found = self._api.post("join-tokens", order, is_repeatable=False)
        return view_from_json(NewJoinTokenView, found)

    def join_tokens(self) -> list[JoinTokenView]:
        """Return all join tokens, the oldest first, without their secrets."""
        items = self._api.get("join-tokens")["items"].items()
        return [view_from_json(JoinTokenView, item) for item in items]

    def revoke_join_token(self, token_id: str) -> JoinTokenView:
        """End a join token."""
        path = f"join-tokens/{segment_of(token_id)}/revoke"
        return view_from_json(JoinTokenView, self._api.post(path))

    def page_broker(self) -> str:
        """Return the URL of the broker for pages, with the cloud's host where none is named."""
        websocket = self._api.get("enrolment/brokers")["websocket"].text(max_length=1100)
        return with_host(websocket, self._api.url)

    def credentials(self) -> list[CredentialView]:
        """Return what devices prove themselves by, without secrets, by rising name."""
        items = self._api.get("credentials")["items"].items()
        return [view_from_json(CredentialView, item) for item in items]

    def broker_passwords(self) -> dict[str, str]:
        """Return hashes of devices' passwords, for a broker that reads files."""
        found = self._api.get("broker-passwords")["passwords"].fields(max_length=1_000_000)
        return {device: reader.text() for device, reader in found.items()}

    def revoke_credential(self, device: str) -> CredentialView:
        """Put a device out of the fleet."""
        path = f"credentials/{segment_of(device)}/revoke"
        return view_from_json(CredentialView, self._api.post(path))

    def quarantines(self) -> list[QuarantineView]:
        """Return the devices whose statistics are not merged, by rising name."""
        items = self._api.get("quarantine")["items"].items()
        return [view_from_json(QuarantineView, item) for item in items]

    def quarantine(self, device: str, reason: str) -> QuarantineView:
        """Merge nothing of a device until it is released."""
        path = f"quarantine/{segment_of(device)}"
        return view_from_json(QuarantineView, self._api.put(path, {"reason": reason}))

    def erase(self, device: str) -> ErasureView:
        """Forget what is known of a device; what it added to sums of the fleet stays."""
        path = f"devices/{segment_of(device)}/data"
        return view_from_json(ErasureView, self._api.remove(path))

    def release(self, device: str) -> None:
        """Let a device back that was kept apart."""
        self._api.delete(f"quarantine/{segment_of(device)}")
