"""Judges a file of rows against its reference, with the tests that the cloud raises alarms by."""

from collections.abc import Collection
from typing import Final, NamedTuple

from cloud_sync.core.alarms import Finding
from cloud_sync.core.alarms.watch import Watch, ground_of
from cloud_sync.core.alarms.wealth import evidence_of
from cloud_sync.core.analysis import watched_columns
from cloud_sync.core.facts import PackageFacts
from edge_contract.stats import Profile

__all__ = ["Verdict", "judged"]

_ABRUPT: Final = 0.1
"""Part of the level that goes to the test of Kolmogorov and Smirnov; the e-values have the rest."""


class Verdict(NamedTuple):
    """What drifted.

    Attributes:
        findings: By subject.
        evidence: Of each subject that was compared, the test's statistic over its threshold.
    """

    findings: dict[str, Finding]
    evidence: dict[str, float]


def judged(
    package: PackageFacts, live: Profile, *, level: float, without: Collection[str] = ()
) -> Verdict:
    """Compare live counts with the reference, once.

    All rows are one portion, so that a watch's statistic is a plain e-value times what it is
    granted: a subject drifts when its e-value reaches ``subjects / (0.9 level)``, or when its KS
    distance exceeds the DKW bound at ``0.1 level / subjects``. By Markov's inequality and the union
    bound the probability that anything drifts, although nothing did, is ``level`` at most.

    Args:
        package: Whose reference.
        live: What is compared with it.
        level: Probability of a false alarm, all subjects together.
        without: Subjects that are not compared.
    """
    reference = package.reference
    columns = [
        (index, subject)
        for index, subject in watched_columns(reference.profile.spec)
        if subject not in without
    ]
    share = level / max(len(columns), 1)
    verdict = Verdict({}, {})
    for index, subject in columns:
        watch = Watch(ground_of(reference.profile[index]), inflation=reference.variance_inflation)
        reading = watch.observe(live[index], granted=(1.0 - _ABRUPT) * share, level=_ABRUPT * share)
        gradual = evidence_of(watch.statistic())
        evidence = max(gradual, reading.abrupt) if reading.abrupt >= 1.0 else gradual
        verdict.evidence[subject] = evidence
        if evidence >= 1.0:
            test, text = watch.description() if gradual >= 1.0 else ("ks", "")
            distance, stability, rows = watch.distances()
            verdict.findings[subject] = Finding(
                subject=subject,
                test=test,
                evidence=evidence,
                ks=distance,
                psi=stability,
                rows=rows,
                reference_rows=reference.rows,
                text=text,
            )
    return verdict
