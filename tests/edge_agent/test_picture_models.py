"""A model of pictures: files in, in this process, over HTTP, over the socket, on standard input."""

import asyncio
import base64
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_agent.agent import Agent
from edge_agent.serving.client import SocketClient
from edge_contract.errors import UsageError
from tests.edge_agent.conftest import MakeAgent
from tests.edge_agent.serving.conftest import Asking, ServeAgent, Told, serve  # noqa: F401  a fixture
from tests.support.picture_files import BLUE, GREEN, RED, colours, file_of, plain

FILES = [file_of(plain(colour), "JPEG") for colour in (RED, GREEN, BLUE)]
NAMES = ["red", "green", "blue"]


@pytest.fixture
def agent(make_agent: MakeAgent) -> Agent:
    agent = make_agent(colours(), log_predictions=1.0)
    agent.wait_ready()
    return agent


def test_files_are_predicted_and_counted(agent: Agent, tmp_path: Path) -> None:
    path = tmp_path / "green.jpg"
    path.write_bytes(FILES[1])

    labels = [agent.predict(rows).labels for rows in (FILES, FILES[0], path, [path])]
    labels.append(asyncio.run(agent.apredict(FILES[2])).labels)

    assert [None if each is None else each.tolist() for each in labels] == [
        *(NAMES, ["red"], ["green"], ["green"], ["blue"])
    ]
    assert agent.rows_observed() == 7
    with pytest.raises(UsageError, match="row 1: picture for input 'picture'"):
        agent.predict([FILES[0], b"no picture"])


def test_files_are_logged_by_their_size_and_never_whole(agent: Agent) -> None:
    agent.predict(FILES[:2])
    agent.predict({"picture": [FILES[2]]})
    agent.close()

    lines = (agent.state / "predictions.jsonl").read_text().splitlines()

    assert [json.loads(line)["rows"] for line in lines] == [
        [f"{len(FILES[0])} bytes", f"{len(FILES[1])} bytes"],
        {"picture": [f"{len(FILES[2])} bytes"]},
    ]


def test_a_file_says_what_its_pixels_say(agent: Agent) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (8, 8, 3), np.uint8)
    pixels = noise.transpose(2, 0, 1)[None].astype(np.float32) / 255

    by_file, by_array = agent.predict(file_of(noise)), agent.predict(pixels)

    assert by_file.probabilities is not None
    assert by_array.probabilities is not None
    np.testing.assert_allclose(by_file.probabilities, by_array.probabilities, atol=1e-6)


def infer(ask: Asking, data: list[str], shape: list[int]) -> Told:
    tensor = {"name": "picture", "datatype": "BYTES", "shape": shape, "data": data}
    return ask.infer("/v2/models/colours/infer", inputs=[tensor])


def test_http_takes_files_in_base64(agent: Agent, serve: ServeAgent) -> None:  # noqa: F811
    ask = serve(agent)
    texts = [base64.b64encode(file).decode() for file in FILES]

    assert infer(ask, texts, [3]).data["label"] == NAMES
    assert infer(ask, texts[:2], [2, 1]).data["label"] == NAMES[:2]
    garbled = infer(ask, ["not base64!"], [1])
    assert garbled.status == 400
    assert "input 'picture' takes files, in JSON as base64" in garbled.error
    wrong = infer(ask, [texts[0], "AAAA"], [2])
    assert wrong.status == 400
    assert "row 1: picture for input 'picture'" in wrong.error
    told = ask("GET", "/v2/models/colours").json
    assert isinstance(told["parameters"], dict)
    assert told["parameters"]["image_input"]["tensor"] == "picture"
    assert told["inputs"] == [{"name": "picture", "datatype": "FP32", "shape": [-1, 3, 8, 8]}]


def test_http_and_socket_take_files_as_bytes(
    agent: Agent,
    serve: ServeAgent,  # noqa: F811
    tmp_path: Path,
) -> None:
    ask = serve(agent, unix=tmp_path / "a.sock")
    data = b"".join(len(file).to_bytes(4, "little") + file for file in FILES)
    tensor = {
        "name": "picture",
        "datatype": "BYTES",
        "shape": [3],
        "parameters": {"binary_data_size": len(data)},
    }
    header = json.dumps({"inputs": [tensor]}).encode()

    told = ask(
        "POST",
        "/v2/models/colours/infer",
        header + data,
        {"Inference-Header-Content-Length": str(len(header))},
    )

    assert told.data["label"] == NAMES
    with SocketClient(tmp_path / "a.sock") as client:
        answer = client.infer({"picture": np.array(FILES, object)})
        assert answer.outputs["label"].tolist() == NAMES


def test_a_text_that_is_no_utf_8_is_still_refused_where_texts_are_taken(
    agent: Agent,
    serve: ServeAgent,  # noqa: F811
) -> None:
    data = b"\x02\x00\x00\x00\xff\xfe"
    tensor = {
        "name": "other",
        "datatype": "BYTES",
        "shape": [1],
        "parameters": {"binary_data_size": len(data)},
    }
    header = json.dumps({"inputs": [tensor]}).encode()

    told = serve(agent)(
        "POST",
        "/v2/models/colours/infer",
        header + data,
        {"Inference-Header-Content-Length": str(len(header))},
    )

    assert (told.status, "text 0 is no UTF-8" in told.error) == (400, True)


def test_no_text_over_http_opens_a_file(agent: Agent, serve: ServeAgent, tmp_path: Path) -> None:  # noqa: F811
    path = tmp_path / "red.png"
    Image.new("RGB", (8, 8), RED).save(path)
    ask = serve(agent)

    told = infer(ask, [str(path)], [1])

    assert told.status == 400
    assert "base64" in told.error
