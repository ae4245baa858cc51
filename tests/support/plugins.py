"""A package with plugins, as pip would install one."""

from pathlib import Path
from textwrap import dedent

__all__ = ["install_plugins"]

_MODULE = '''
import numpy as np

from edge_contract.errors import MessageError
from edge_contract.reading import Reader


class LargestSpec:
    """The largest numbers of a stream."""

    kind = "largest"
    arity = 1

    def __init__(self, kept=3):
        self.kept = kept

    def __eq__(self, other):
        return isinstance(other, LargestSpec) and other.kept == self.kept

    def __hash__(self):
        return hash(self.kept)

    def empty(self):
        return Largest(self)

    def decode(self, state):
        reader = Reader(state, "largest", MessageError)
        values = [item.number() for item in reader[1].items()]
        return Largest(self, reader[0].integer(low=0), values)

    def to_json(self):
        return {"kept": self.kept}

    @classmethod
    def from_json(cls, reader):
        kept = reader.get("kept")
        return cls(3 if kept is None else kept.integer(low=1, high=100))

    @classmethod
    def examples(cls):
        return [cls(), cls(1)]


class Largest:
    def __init__(self, spec, count=0, values=()):
        self.spec = spec
        self.count = count
        self.values = sorted(values, reverse=True)[: spec.kept]

    def observe(self, row):
        if row[0] == 13.0:
            raise RuntimeError("thirteen")
        self.count += 1
        if row[0] == row[0]:
            self.values = sorted([*self.values, row[0]], reverse=True)[: self.spec.kept]

    def merged(self, other):
        return Largest(self.spec, self.count + other.count, [*self.values, *other.values])

    def to_state(self):
        return [self.count, list(self.values)]

    def summary(self):
        return {"count": self.count, "largest": list(self.values)}


class MeanSpec(LargestSpec):
    """Its statistic counts whole blocks, and says nothing of itself."""

    kind = "blocks"

    def empty(self):
        return Blocks(self)

    def decode(self, state):
        return Blocks(self, state[0], state[1])


class Blocks(Largest):
    def observe_block(self, block):
        self.count += block.shape[1]
        self.values = sorted([*self.values, *block[0].tolist()], reverse=True)[: self.spec.kept]

    summary = None


def halved(rows):
    """Preprocessing: neighbours added up, half as large."""
    table = np.atleast_2d(np.asarray(rows, np.float32))
    if table.shape[1] != 8:
        raise ValueError(f"a signal has 8 numbers, got {table.shape[1]}")
    return (table[:, ::2] + table[:, 1::2]) / 2


def shouted(prediction):
    """Postprocessing: the labels in capitals."""
    return [str(label).upper() for label in prediction.labels]


def broken(anything):
    raise RuntimeError("out of order")


NOT_A_FUNCTION = 3
'''

_ENTRY_POINTS = """
[edgefleet.statistics]
largest = lab_plugins:LargestSpec
blocks = lab_plugins:MeanSpec
misnamed = lab_plugins:LargestSpec
nothing = lab_plugins:NOT_A_FUNCTION
gone = lab_plugins:no_such_thing

[edgefleet.preprocessing]
halved = lab_plugins:halved
broken = lab_plugins:broken
number = lab_plugins:NOT_A_FUNCTION

[edgefleet.postprocessing]
shouted = lab_plugins:shouted
broken = lab_plugins:broken
"""


def install_plugins(folder: Path) -> Path:
    """Put the package into a folder that is to be on the path; return the folder."""
    described = folder / "lab_plugins-1.0.dist-info"
    described.mkdir(parents=True)
    (folder / "lab_plugins.py").write_text(dedent(_MODULE))
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: lab-plugins\nVersion: 1.0\n")
    (described / "entry_points.txt").write_text(_ENTRY_POINTS)
    return folder
