from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.core.seen import MAX_AHEAD, Arrival, Marks, SeenBatches
from edge_contract.messages import BootAck


def seen_after(*batches: tuple[int, int]) -> SeenBatches:
    """What is seen after batches, each given as seq and span."""
    seen = SeenBatches()
    for seq, span in batches:
        seen.add(seq, span)
    return seen


def test_batches_in_order_raise_the_floor_and_leave_nothing_ahead() -> None:
    seen = seen_after((0, 1), (1, 1), (2, 1))

    assert seen.marks == Marks(3, ())
    assert seen.arrival(2) is Arrival.REPEATED
    assert seen.arrival(3) is Arrival.NEW


def test_a_batch_that_overtook_another_is_kept_ahead_until_the_gap_is_filled() -> None:
    seen = seen_after((0, 1), (2, 1), (3, 1))

    assert seen.marks == Marks(1, ((2, 2), (3, 3)))
    assert seen.arrival(1) is Arrival.NEW
    assert seen.arrival(3) is Arrival.REPEATED

    seen.add(1)

    assert seen.marks == Marks(4, ())


def test_a_merged_batch_stands_for_all_its_numbers() -> None:
    seen = seen_after((0, 1), (5, 5))

    assert seen.marks == Marks(6, ())


def test_a_huge_span_ahead_of_a_gap_takes_the_room_of_one_batch() -> None:
    seen = seen_after((10**12, 10**12 - 5))

    assert seen.marks == Marks(0, ((6, 10**12),))
    assert seen.marks.ack(4) == BootAck(4, 0, (10**12,))


def test_a_batch_that_holds_a_merged_one_overlaps() -> None:
    seen = seen_after((0, 1), (4, 2))

    assert seen.arrival(5, 3) is Arrival.OVERLAPPING
    assert seen.arrival(3, 1) is Arrival.OVERLAPPING
    assert seen.arrival(2, 3) is Arrival.OVERLAPPING
    assert seen.arrival(2, 2) is Arrival.NEW


def test_an_overlapping_batch_that_is_noted_is_acknowledged_and_raises_the_floor() -> None:
    seen = seen_after((6, 2), (9, 5))

    assert seen.marks.ack(1) == BootAck(1, 0, (6, 9))

    seen.add(4, 5)

    assert seen.marks == Marks(10, ())


def test_what_a_thousand_later_batches_have_overtaken_is_given_up() -> None:
    seen = seen_after(*((seq, 1) for seq in range(1, MAX_AHEAD + 1)))

    assert seen.arrival(0) is Arrival.NEW

    seen.add(MAX_AHEAD + 1)

    assert seen.marks == Marks(1002, ())
    assert seen.arrival(0) is Arrival.REPEATED


def test_marks_survive_being_saved() -> None:
    seen = seen_after((0, 1), (3, 1), (9, 4))

    assert SeenBatches.of(seen.marks) == seen


@given(numbers=st.lists(st.integers(0, 12)))
def test_each_number_is_new_exactly_once_in_whatever_order(numbers: list[int]) -> None:
    seen = SeenBatches()
    arrived: set[int] = set()

    for number in numbers:
        is_new = seen.arrival(number) is Arrival.NEW
        seen.add(number)

        assert is_new == (number not in arrived)
        arrived.add(number)

    ack = seen.marks.ack(1)
    assert {n for n in range(20) if n < ack.floor or n in ack.ahead} == arrived
    assert list(ack.ahead) == sorted(ack.ahead)
