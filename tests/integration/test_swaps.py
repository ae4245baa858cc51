"""Updates under load: nobody is turned away, and every answer belongs to one version."""

from benchmarks.swapping import predict_through_swaps
from tests.support.packages import digits, reversed_digits


def test_calls_of_many_threads_through_swaps_are_counted_for_the_version_that_answered() -> None:
    accounts = predict_through_swaps(
        digits().package,
        reversed_digits().package,
        digits().rows,
        calls=50_000,
        swaps=6,
        threads=8,
    )

    assert accounts.calls >= 50_000
    assert accounts.swaps == 6
    assert (accounts.failed, accounts.wrong, accounts.miscounted) == (0, 0, 0)
