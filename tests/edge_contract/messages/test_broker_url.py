import pytest

from edge_contract.errors import UsageError
from edge_contract.messages.broker_url import BrokerUrl, parse_broker_url, parse_broker_urls


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("mqtt://localhost", BrokerUrl("mqtt", "localhost", 1883, "")),
        ("mqtt://localhost:2883/", BrokerUrl("mqtt", "localhost", 2883, "")),
        ("MQTTS://cloud.example", BrokerUrl("mqtts", "cloud.example", 8883, "")),
        ("mqtt://10.0.0.7:1884", BrokerUrl("mqtt", "10.0.0.7", 1884, "")),
        ("mqtt://[::1]", BrokerUrl("mqtt", "::1", 1883, "")),
        ("mqtt://my_broker-2", BrokerUrl("mqtt", "my_broker-2", 1883, "")),
        ("ws://localhost:8080", BrokerUrl("ws", "localhost", 8080, "/mqtt")),
        ("ws://localhost", BrokerUrl("ws", "localhost", 80, "/mqtt")),
        ("wss://cloud.example/broker/mqtt", BrokerUrl("wss", "cloud.example", 443, "/broker/mqtt")),
    ],
)
def test_what_is_left_out_is_filled_in(url: str, expected: BrokerUrl) -> None:
    assert parse_broker_url(url) == expected


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("localhost:1883", r"'localhost:1883' has no scheme: write it like mqtt://localhost:1883"),
        ("", "has no scheme"),
        ("http://localhost", r"has the scheme 'http': use mqtt, mqtts, ws or wss"),
        ("mqtt://", "is not understood: write it like mqtt://broker.example:1883"),
        ("mqtt://a b", "is not understood"),
        ("mqtt://localhost:", "is not understood"),
        ("mqtt://localhost:0", "has port 0: use a port from 1 to 65535"),
        ("mqtt://localhost:65536", "has port 65536"),
        ("mqtt://-broker", "is not understood"),
        ("mqtt://broker..example", "is not understood"),
        ("mqtt://localhost/telemetry", "has the path '/telemetry': only ws:// and wss://"),
        ("wss://localhost/a\nb", "is not understood"),
    ],
)
def test_an_address_that_cannot_be_right_is_refused_with_what_to_write(
    url: str, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        parse_broker_url(url)


@pytest.mark.parametrize("url", ["mqtt://gate-7:hunter2@localhost", "gate-7:hunter2@localhost"])
def test_a_password_in_the_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(UsageError, match="give them as username and password") as caught:
        parse_broker_url(url)
    assert "hunter2" not in str(caught.value)


def test_only_the_secure_schemes_are_encrypted() -> None:
    encrypted = {
        scheme: parse_broker_url(f"{scheme}://h").is_tls
        for scheme in ("mqtt", "mqtts", "ws", "wss")
    }
    assert encrypted == {"mqtt": False, "mqtts": True, "ws": False, "wss": True}


@pytest.mark.parametrize("url", ["mqtt://[::1]:1883", "wss://cloud.example:443/mqtt"])
def test_a_url_written_out_is_read_back_the_same(url: str) -> None:
    assert str(parse_broker_url(url)) == url


@pytest.mark.parametrize(
    "urls",
    [
        "mqtts://one.example,two.example:1884,three.example",
        "mqtts://one.example:8883, mqtts://two.example:1884, mqtts://three.example:8883",
    ],
)
def test_brokers_of_a_cluster_are_written_with_commas(urls: str) -> None:
    assert [str(url) for url in parse_broker_urls(urls)] == [
        "mqtts://one.example:8883",
        "mqtts://two.example:1884",
        "mqtts://three.example:8883",
    ]


@pytest.mark.parametrize(
    ("urls", "message"),
    [
        (
            "mqtts://one,mqtt://two",
            "brokers of one cluster are reached alike, got mqtts://one:8883",
        ),
        ("mqtt://one,one:1883", "mqtt://one:1883 is there twice"),
        ("mqtt://one,", "is not understood"),
        ("one:1883,two:1883", "'one:1883' has no scheme"),
        (",".join(["mqtt://one", *(f"host{n}" for n in range(16))]), "at most 16 brokers"),
        ("mqtt://one,gate:hunter2@two", "leave them out of the URL"),
    ],
)
def test_a_cluster_that_cannot_be_right_is_refused(urls: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_broker_urls(urls)
