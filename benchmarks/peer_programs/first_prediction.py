"""A fresh process that predicts a row and says when, and what memory and processor time it took.

    python first_prediction.py KIND FOLDER BROKER

Kinds: ``onnxruntime`` alone, an ``agent``, an agent ``linked`` to a broker, the ``framework``, and
``settled``, which is linked and stays until what later starts find has been made.
"""

import os
import sys
import time
from pathlib import Path

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
kind, folder, broker = sys.argv[1:]
leave = None

if kind == "onnxruntime":
    import numpy as np
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(f"{folder}/model.onnx", options)
    row = np.load(f"{folder}/row.npy")
    session.run(None, {session.get_inputs()[0].name: row})
elif kind == "framework":
    import pickle

    import numpy as np

    model = pickle.loads(Path(f"{folder}/model.pickle").read_bytes())  # noqa: S301  it is ours
    model.predict_proba(np.load(f"{folder}/row.npy"))
else:
    from edgefleet import Agent  # isort: skip  as in a program that names its imports by alphabet

    import numpy as np

    cloud = broker if kind in ("linked", "settled") else None
    state = f"{folder}/state" if cloud else None
    agent = Agent(f"{folder}/model.modelpkg", cloud=cloud, state=state)
    agent.predict(np.load(f"{folder}/row.npy"))
    leave = agent.close

first_s, processor_s = time.time(), time.process_time()
if kind == "linked":
    time.sleep(0.5)
if kind == "settled" and Path(f"{folder}/model.onnx").stat().st_size > 1_000_000:
    ends_s = time.time() + 60.0
    while not list(Path(f"{folder}/state/compiled").glob("*.ort")) and time.time() < ends_s:
        time.sleep(0.1)
pages = int(Path("/proc/self/statm").read_text().split()[1])
resident_mb = pages * os.sysconf("SC_PAGE_SIZE") / 1e6
print(first_s, resident_mb, processor_s, flush=True)
if leave is not None:
    leave()
