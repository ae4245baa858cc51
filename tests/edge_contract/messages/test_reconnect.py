from edge_contract.messages.reconnect import Reconnect, Retry


def test_the_wait_doubles_up_to_its_ceiling() -> None:
    reconnect = Reconnect(min_s=0.5, max_s=3.0)

    waits_s = [reconnect.after("no route", up_s=None, jitter=1.0).wait_s for _ in range(5)]

    assert waits_s == [0.5, 1.0, 2.0, 3.0, 3.0]


def test_chance_spreads_the_waits_from_zero_to_the_ceiling() -> None:
    waits_s = [Reconnect(min_s=8.0).after("lost", up_s=60.0, jitter=j).wait_s for j in (0, 0.25, 1)]
    assert waits_s == [0.0, 2.0, 8.0]


def test_a_connection_that_lasted_starts_the_waits_afresh() -> None:
    reconnect = Reconnect(min_s=0.5, lasting_s=5.0)
    for _ in range(4):
        reconnect.after("no route", up_s=None, jitter=1.0)

    assert reconnect.after("lost", up_s=5.0, jitter=1.0).wait_s == 0.5


def test_connections_that_are_thrown_out_at_once_come_back_ever_slower() -> None:
    reconnect = Reconnect(min_s=0.5, lasting_s=5.0)

    waits_s = [reconnect.after("lost", up_s=0.1, jitter=1.0).wait_s for _ in range(3)]

    assert waits_s == [0.5, 1.0, 2.0]


def test_the_same_failure_is_news_once() -> None:
    reconnect = Reconnect()

    news = [
        reconnect.after(reason, up_s=None, jitter=0.0).is_news
        for reason in ("no route", "no route", "refused", "refused", "no route")
    ]

    assert news == [True, False, True, False, True]


def test_every_loss_of_a_connection_is_news() -> None:
    reconnect = Reconnect()
    assert [reconnect.after("lost", up_s=9.0, jitter=0.0).is_news for _ in range(3)] == [True] * 3


def test_a_broker_that_is_gone_for_a_day_is_still_tried() -> None:
    reconnect = Reconnect()
    for _ in range(3_000):
        reconnect.after("no route", up_s=None, jitter=1.0)
    assert reconnect.after("no route", up_s=None, jitter=1.0) == Retry(wait_s=30.0, is_news=False)
