"""What a warehouse in memory keeps for the people of a fleet: groups, tokens, answers, members."""

import threading
from collections.abc import Callable
from dataclasses import replace

from cloud_sync.core.access import TokenRecord
from cloud_sync.core.enrolment import AdmissionRecord
from cloud_sync.core.groups import DeviceGroup
from cloud_sync.core.kept_answers import AnswerKey, KeptAnswer

__all__ = ["MemoryOffice"]


class MemoryOffice:
    """Implements ``GroupStore``, ``AccessStore`` and ``AdmissionStore``.

    Args:
        check: Called before everything; raises while the store is out of reach.
    """

    def __init__(self, check: Callable[[], None] = lambda: None) -> None:
        self._check = check
        self._office_lock = threading.Lock()
        self._groups: dict[str, DeviceGroup] = {}
        self._tokens: dict[str, TokenRecord] = {}
        self._answers: dict[AnswerKey, KeptAnswer] = {}
        self._admissions: dict[tuple[str, str], AdmissionRecord] = {}

    def save_group(self, group: DeviceGroup) -> None:
        """See ``GroupStore``."""
        self._check()
        self._groups[group.name] = group

    def delete_group(self, name: str) -> bool:
        """See ``GroupStore``."""
        self._check()
        return self._groups.pop(name, None) is not None

    def groups(self) -> list[DeviceGroup]:
        """See ``GroupStore``."""
        self._check()
        return [self._groups[name] for name in sorted(self._groups)]

    def save_token(self, record: TokenRecord) -> None:
        """See ``AccessStore``."""
        self._check()
        self._tokens[record.token_id] = record

    def tokens(self) -> list[TokenRecord]:
        """See ``AccessStore``."""
        self._check()
        return sorted(self._tokens.values(), key=lambda one: (one.created_unix_s, one.token_id))

    def begin_answer(self, key: AnswerKey, *, fingerprint: str, at_unix_s: float) -> KeptAnswer:
        """See ``AccessStore``."""
        self._check()
        with self._office_lock:
            known = self._answers.get(key)
            if known is None:
                self._answers[key] = KeptAnswer(fingerprint, at_unix_s)
            return known or replace(self._answers[key], is_new=True)

    def finish_answer(self, key: AnswerKey, answer: KeptAnswer) -> None:
        """See ``AccessStore``."""
        self._check()
        if key in self._answers:
            begun = self._answers[key]
            self._answers[key] = replace(
                begun, status=answer.status, headers=dict(answer.headers), body=answer.body
            )

    def forget_answer(self, key: AnswerKey) -> None:
        """See ``AccessStore``."""
        self._check()
        self._answers.pop(key, None)

    def prune_answers(self, before_unix_s: float) -> int:
        """See ``AccessStore``."""
        self._check()
        old = [key for key, answer in self._answers.items() if answer.at_unix_s < before_unix_s]
        for key in old:
            del self._answers[key]
        return len(old)

    def save_admission(self, record: AdmissionRecord) -> None:
        """See ``AdmissionStore``."""
        self._check()
        self._admissions[record.kind, record.key] = record

    def forget_admission(self, record: AdmissionRecord) -> bool:
        """See ``AdmissionStore``."""
        self._check()
        return self._admissions.pop((record.kind, record.key), None) is not None

    def admissions(self) -> list[AdmissionRecord]:
        """See ``AdmissionStore``."""
        self._check()
        return [self._admissions[key] for key in sorted(self._admissions)]
