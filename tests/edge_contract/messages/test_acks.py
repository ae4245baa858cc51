import pytest

from edge_contract.errors import MessageError
from edge_contract.messages import Acks, BatchId, BootAck
from edge_contract.reading import Reader


def test_an_ack_covers_what_is_below_its_floor_and_what_overtook_a_gap() -> None:
    ack = BootAck(boot=3, floor=5, ahead=(7, 9))

    covered = [seq for seq in range(12) if ack.covers(BatchId("cam-7", 3, seq))]

    assert covered == [0, 1, 2, 3, 4, 7, 9]
    assert not ack.covers(BatchId("cam-7", 2, 0))


@pytest.mark.parametrize("ahead", [[4], [7, 7], [9, 7], [-1], [7.5], [True], None])
def test_numbers_ahead_that_do_not_rise_above_the_floor_are_refused(ahead: object) -> None:
    with pytest.raises(MessageError, match=r"a\[0\]\[0\]\[2\] is"):
        Acks.from_body(Reader([[[3, 5, ahead]]], "a", MessageError))
