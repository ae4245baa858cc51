"""The access desk: makes tokens, and knows whose a token is."""

import hmac
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from cloud_sync.backend import NotFoundError
from cloud_sync.core.access import Identity, Role, Scope, TokenRecord, new_token, token_id_of
from cloud_sync.group_desk import Note
from cloud_sync.operator_views import NewTokenView, TokenView
from cloud_sync.ports import AccessStore
from edge_contract.errors import UsageError

__all__ = ["AccessDesk"]

_FRESH_S: Final = 5.0
"""After so long tokens are read again: another process may have made or revoked some."""


class AccessDesk:
    """Implements :class:`cloud_sync.operator_views.AccessBook`.

    Args:
        store: Where tokens are kept.
        admin_token: Of the one who runs the cloud; empty for none.
        note: Writes down what was done.
        clock: Gives Unix seconds.
    """

    def __init__(
        self,
        store: AccessStore,
        *,
        admin_token: str,
        note: Note,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._admin_token = admin_token
        self._note = note
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[str, TokenRecord] = {}
        self._read_s = -_FRESH_S

    @property
    def is_open(self) -> bool:
        """Whether nobody is asked for a token, because there is none."""
        return not self._admin_token and not any(
            record.revoked_unix_s is None for record in self._tokens().values()
        )

    def identify(self, token: str) -> Identity | None:
        """Return whose token this is; ``None`` if it is wrong, expired or revoked."""
        if self._admin_token and hmac.compare_digest(token.encode(), self._admin_token.encode()):
            return Identity("admin", Role.ADMIN)
        record = self._tokens().get(token_id_of(token))
        if record is None or not record.is_proven_by(token):
            return None
        if not record.is_valid(self._clock()):
            return None
        return Identity(record.label, record.role, record.scopes)

    def tokens(self) -> Sequence[TokenView]:
        """Return all tokens, the oldest first."""
        return [self._view(record) for record in self._store.tokens()]

    def create(
        self,
        label: str,
        *,
        role: Role,
        expires_s: float | None,
        by: str,
        scopes: frozenset[Scope] = frozenset(),
    ) -> NewTokenView:
        """Make a token."""
        if self.is_open and (role is not Role.ADMIN or scopes):
            held = f" held to {', '.join(sorted(one.value for one in scopes))}" if scopes else ""
            raise UsageError(
                f"the first token must be an admin's, got {role.value}{held}: from now on the API "
                "asks everybody for one, and nobody could make another"
            )
        now_unix_s = self._clock()
        token_id = secrets.token_hex(6)
        text, secret_hash = new_token(token_id, secrets.token_urlsafe(32))
        record = TokenRecord(
            token_id=token_id,
            label=label,
            role=role,
            scopes=scopes,
            secret_hash=secret_hash,
            created_unix_s=now_unix_s,
            expires_unix_s=None if expires_s is None else now_unix_s + expires_s,
            by=by,
        )
        self._store.save_token(record)
        self._read_s = -_FRESH_S
        self._note(by, "token.create", token_id, {"label": label, "role": role.value})
        return NewTokenView(self._view(record), text)

    def revoke(self, token_id: str, *, by: str) -> TokenView:
        """End a token."""
        records = {record.token_id: record for record in self._store.tokens()}
        record = records.get(token_id)
        if record is None:
            raise NotFoundError(f"there is no token {token_id!r}; `edgefleet cloud token list`")
        now_unix_s = self._clock()
        if record.revoked_unix_s is None:
            others = [one for one in records.values() if one.token_id != token_id]
            is_admin = _gives_tokens(record) and record.is_valid(now_unix_s)
            if is_admin and not self._leaves_an_admin(others):
                raise UsageError(
                    f"token {token_id!r} is the last one of an admin: nobody could give tokens any "
                    "more. Make another first, or start the cloud with --token"
                )
            record = replace(record, revoked_unix_s=now_unix_s)
            self._store.save_token(record)
            self._read_s = -_FRESH_S
            self._note(by, "token.revoke", token_id, {"label": record.label})
        return self._view(record)

    def _leaves_an_admin(self, others: Sequence[TokenRecord]) -> bool:
        now_unix_s = self._clock()
        return bool(self._admin_token) or any(
            _gives_tokens(one) and one.is_valid(now_unix_s) for one in others
        )

    def _tokens(self) -> dict[str, TokenRecord]:
        with self._lock:
            if time.monotonic() >= self._read_s + _FRESH_S:
                self._known = {record.token_id: record for record in self._store.tokens()}
                self._read_s = time.monotonic()
            return self._known

    def _view(self, record: TokenRecord) -> TokenView:
        is_valid = record.is_valid(self._clock())
        over = "expired" if record.revoked_unix_s is None else "revoked"
        return TokenView(
            token_id=record.token_id,
            label=record.label,
            role=record.role.value,
            scopes=sorted(scope.value for scope in record.scopes),
            state="valid" if is_valid else over,
            created_unix_s=record.created_unix_s,
            expires_unix_s=record.expires_unix_s,
            revoked_unix_s=record.revoked_unix_s,
            by=record.by,
        )


def _gives_tokens(record: TokenRecord) -> bool:
    return record.role is Role.ADMIN and (not record.scopes or Scope.ACCESS in record.scopes)
