"""What a program asks the cloud about people: tokens, and the record of who did what."""

from collections.abc import Iterator, Sequence
from typing import Final

from cloud_sync.api.json_views import view_from_json
from cloud_sync.backend import AuditView, NewTokenView, TokenView
from edge_contract.reading import JsonObject
from edgefleet.connection import ApiConnection, segment_of

__all__ = ["AccessCalls"]

_PAGE: Final = 500


class AccessCalls:
    """Part of :class:`edgefleet.Cloud`."""

    _api: ApiConnection

    def tokens(self) -> list[TokenView]:
        """Return all tokens of the API, the oldest first, without their secrets."""
        items = self._api.get("tokens")["items"].items()
        return [view_from_json(TokenView, item) for item in items]

    def create_token(
        self,
        label: str,
        *,
        role: str = "viewer",
        expires_s: float | None = None,
        scopes: Sequence[str] = (),
    ) -> NewTokenView:
        """Make a token; what it returns is the only place where its secret is.

        Args:
            label: Whose it is, or what for; stands in the record of what is done with it.
            role: ``viewer``, ``operator`` or ``admin``.
            expires_s: After so long it is refused; ``None`` for never.
            scopes: Parts of the API that it is held to, such as ``models``; none for all of it.
        """
        order: JsonObject = {
            "label": label,
            "role": role,
            "expires_s": expires_s,
            "scopes": list(scopes),
        }
        return view_from_json(NewTokenView, self._api.post("tokens", order, is_repeatable=False))

    def revoke_token(self, token_id: str) -> TokenView:
        """End a token."""
        return view_from_json(TokenView, self._api.post(f"tokens/{segment_of(token_id)}/revoke"))

    def audit(self, *, action: str = "", limit: int = 100) -> list[AuditView]:
        """Return who did what, newest first.

        Args:
            action: Only this kind of action, ``rollout.start``, or all that begin so, ``rollout``.
            limit: At most so many.
        """
        found: list[AuditView] = []
        for line in self._audit_lines(action):
            if len(found) >= limit:
                break
            found.append(line)
        return found

    def _audit_lines(self, action: str) -> Iterator[AuditView]:
        before = ""
        while True:
            page = self._api.get("audit", action=action, before=before, limit=_PAGE)
            for item in page["items"].items():
                yield view_from_json(AuditView, item)
            if page["next"].is_null:
                return
            before = page["next"].text()
