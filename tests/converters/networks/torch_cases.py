"""PyTorch's networks convert faithfully, or are refused with what to do about it."""

import warnings
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from converters.base import Request
from converters.convert import convert
from converters.files import load_model
from edge_contract.errors import UsageError
from edge_contract.package import OutputRole, Package, Task
from tests.converters.helpers import flowers, quietly_converted, says
from tests.converters.networks.laws import LAWS, Law, obey
from tests.support.mlflow_folders import mlflow_folder, tensor

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(64, 4))
PICTURES = RNG.random((32, 3, 8, 8), dtype=np.float32)
CODES = RNG.integers(0, 10, (40, 5))


def classifier() -> nn.Module:
    """Says logits of three classes; has layers that behave differently in training."""
    torch.manual_seed(0)
    layers = (nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 3))
    network = nn.Sequential(*layers)
    network(torch.from_numpy(ROWS).float())  # moves the statistics of the batch normalisation
    return network


def flower_network() -> tuple[nn.Module, np.ndarray, np.ndarray]:
    """A network that has learned to tell the flowers apart."""
    table, names = flowers()
    rows = np.array(table, dtype=np.float32)
    labels = np.unique(names, return_inverse=True)[1]
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 3))
    optimizer = torch.optim.Adam(network.parameters(), lr=0.05)
    for _ in range(120):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(network(torch.from_numpy(rows)), torch.tensor(labels))
        loss.backward()
        optimizer.step()
    return network, rows, labels


def roles(package: Package) -> dict[str, OutputRole]:
    return {output.tensor.name: output.role for output in package.manifest.outputs}


@pytest.mark.parametrize("law", LAWS)
def test_pytorch_obeys_the_laws_of_sources(law: Law) -> None:
    obey(law, "PyTorch", lambda: Request(classifier(), ROWS, ("a", "b", "c")))


def test_a_network_that_says_logits_becomes_a_classifier_of_its_labels() -> None:
    network, rows, labels = flower_network()

    package = quietly_converted(network, rows, labels)

    assert package.manifest.task is Task.MULTICLASS
    assert package.manifest.classes == (0, 1, 2)
    assert roles(package) == {
        "output": OutputRole.OTHER,
        "probabilities": OutputRole.PROBABILITIES,
    }
    accuracy = package.manifest.evidence.quality["accuracy"]
    assert isinstance(accuracy, float)
    assert accuracy > 0.95
    assert package.manifest.framework["torch"] == torch.__version__
    said = says(package, {"input": rows})
    with torch.no_grad():
        expected = torch.softmax(network(torch.from_numpy(rows)), dim=1).numpy()
    assert np.abs(said["probabilities"].astype(float) - expected).max() < 1e-6


def test_the_file_is_one_with_a_free_batch_axis_and_no_trace_of_this_machine() -> None:
    package = quietly_converted(classifier(), ROWS, classes=("a", "b", "c"))

    model = onnx.load_model_from_string(package.model())
    assert package.manifest.inputs[0].shape == ("batch", 4)
    assert {entry.domain: entry.version for entry in model.opset_import} == {
        "": 18,
        "ai.onnx.ml": 3,
    }
    assert str(Path(__file__).parent).encode() not in package.model()
    assert b"Linear" not in package.model()
    assert package.manifest.evidence.parity["batches"] == [1, 2, 7]


def test_a_network_is_converted_as_it_predicts_and_left_as_it_was() -> None:
    network = classifier()
    network[1].eval()

    package = quietly_converted(network, ROWS, classes=("a", "b", "c"))

    assert [layer.training for layer in network.modules()] == [True, True, False, True, True, True]
    network.eval()
    with torch.no_grad():
        expected = network(torch.from_numpy(ROWS).float()).numpy()
    said = says(package, {"input": ROWS.astype(np.float32)})
    assert np.abs(said["output"].astype(float) - expected).max() < 1e-5


def test_one_logit_of_two_classes_gives_the_probabilities_of_both() -> None:
    torch.manual_seed(0)

    package = quietly_converted(nn.Linear(4, 1), ROWS * 5, classes=("shut", "open"))

    assert package.manifest.task is Task.BINARY
    rows = np.array([[1, 2, 3, 4]], dtype=np.float32)
    said = says(package, {"input": rows})
    second = 1 / (1 + np.exp(-said["output"].astype(float)))
    assert np.allclose(said["probabilities"], [[1 - second.item(), second.item()]], atol=1e-6)


def test_a_sigmoid_at_the_end_is_the_probability_of_the_second_class() -> None:
    network = nn.Sequential(nn.Linear(4, 1), nn.Sigmoid(), nn.Flatten(0))

    package = quietly_converted(network, ROWS, classes=(0, 1))

    said = says(package, {"input": ROWS[:5].astype(np.float32)})
    assert said["output"].shape == (5,)
    assert np.allclose(said["probabilities"][:, 1], said["output"])


def test_a_sigmoid_at_the_end_and_labels_of_zero_and_one_need_no_classes() -> None:
    labels = (ROWS[:, 0] > 0).astype(np.float32)[:, None]

    package = quietly_converted(nn.Sequential(nn.Linear(4, 1), nn.Sigmoid()), ROWS, labels)

    assert (package.manifest.task, package.manifest.classes) == (Task.BINARY, (0, 1))
    assert "f1" in package.manifest.evidence.quality


def test_one_number_without_classes_is_a_value() -> None:
    package = quietly_converted(nn.Linear(4, 1), ROWS, ROWS[:, 0])

    assert package.manifest.task is Task.REGRESSION
    assert roles(package) == {"output": OutputRole.VALUE}


def test_several_numbers_without_classes_are_named_as_unknown() -> None:
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        convert(nn.Linear(4, 3), ROWS, name="m", version="1.0.0")

    assert str(heard[0].message).startswith("nothing is known of what PyTorch's Linear predicts")


def test_classes_that_no_output_has_a_number_for_are_refused() -> None:
    with pytest.raises(UsageError, match="4 classes were given, but 0 outputs have a number for"):
        quietly_converted(classifier(), ROWS, classes=(0, 1, 2, 3))


def test_labels_of_which_several_are_true_at_once_are_no_classes() -> None:
    network = nn.Sequential(nn.Linear(4, 3), nn.Sigmoid())

    with pytest.raises(UsageError, match="several classes can be true of one row: leave the"):
        quietly_converted(network, ROWS, classes=(0, 1, 2))


class Clipped(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, :1].abs() / (1 + x[:, :1].abs())


def test_a_number_that_may_be_a_probability_or_a_logit_is_not_guessed() -> None:
    with pytest.raises(UsageError, match="cannot be told whether it is a probability or a logit"):
        quietly_converted(Clipped(), ROWS, classes=(0, 1))


def test_pictures_convert_and_are_watched_value_by_value() -> None:
    layers = (nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 2))

    package = quietly_converted(nn.Sequential(*layers), PICTURES, classes=("cat", "dog"))

    assert package.manifest.inputs[0].shape == ("batch", 3, 8, 8)
    assert len(package.manifest.features) == 3 * 8 * 8
    made_up = package.manifest.evidence.parity["made_up_rows"]
    assert isinstance(made_up, dict)
    assert made_up["missing number"] == made_up["infinite number"] == 0
    assert made_up["values between two rows"] == 31


class Bytes(nn.Module):
    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return (image.float() / 255).mean(dim=(1, 2, 3))


def test_whole_numbers_reach_a_network_that_takes_them_as_they_are() -> None:
    pictures = (PICTURES * 255).astype(np.uint8)

    package = quietly_converted(Bytes(), pictures)

    assert package.manifest.inputs[0].element_type == "uint8"


def test_codes_reach_an_embedding_as_whole_numbers() -> None:
    network = nn.Sequential(nn.Embedding(10, 3), nn.Flatten(), nn.Linear(15, 1))

    package = quietly_converted(network, CODES)

    assert package.manifest.inputs[0].element_type == "int64"


def test_whole_numbers_become_fractions_for_a_network_that_takes_those() -> None:
    package = quietly_converted(nn.Linear(5, 1), CODES)

    assert package.manifest.inputs[0].element_type == "float32"


class Two(nn.Module):
    """Takes two inputs and a third that may be left out; says two outputs by name."""

    def __init__(self) -> None:
        super().__init__()
        self.codes = nn.Embedding(10, 2)
        self.rest = nn.Linear(14, 1)

    def forward(
        self, numbers: torch.Tensor, codes: torch.Tensor, weight: torch.Tensor | None = None
    ) -> dict[str, torch.Tensor]:
        vector = torch.cat([numbers, self.codes(codes).flatten(1)], dim=1)
        if weight is not None:
            vector = vector * weight
        return {"value": self.rest(vector), "vector": vector}


def test_several_inputs_and_outputs_keep_their_names() -> None:
    rows = {"codes": CODES, "numbers": ROWS[:40]}

    package = quietly_converted(Two(), rows)

    assert [str(spec) for spec in package.manifest.inputs] == [
        "float32[batch, 4]",
        "int64[batch, 5]",
    ]
    assert [spec.name for spec in package.manifest.inputs] == ["numbers", "codes"]
    assert roles(package)["value"] is OutputRole.VALUE
    assert [output.tensor.name for output in package.manifest.outputs] == ["value", "vector"]
    assert package.manifest.evidence.parity["made_up_rows"] == {"values between two rows": 39}


def test_an_input_that_may_be_left_out_is_used_if_it_is_given() -> None:
    rows = {"codes": CODES, "numbers": ROWS[:40], "weight": ROWS[:40, :1]}

    package = quietly_converted(Two(), rows)

    assert [spec.name for spec in package.manifest.inputs] == ["numbers", "codes", "weight"]


def test_arrays_that_a_network_has_no_input_for_are_refused() -> None:
    rows = {"codes": CODES, "numbers": ROWS[:40], "colour": ROWS[:40]}

    with pytest.raises(UsageError, match=r"missing none, unknown \['colour'\]"):
        quietly_converted(Two(), rows)


def test_a_network_of_float64_takes_and_gives_float32() -> None:
    package = quietly_converted(nn.Linear(4, 1).double(), ROWS)

    assert str(package.manifest.inputs[0]) == "float32[batch, 4]"
    assert str(package.manifest.outputs[0].tensor) == "float32[batch, 1]"


def test_an_exported_program_converts_as_the_module_that_it_was_made_of() -> None:
    example = (torch.zeros(2, 4),)
    shapes = ({0: torch.export.Dim("rows")},)
    program = torch.export.export(classifier().eval(), example, dynamic_shapes=shapes)

    package = quietly_converted(program, ROWS, classes=("a", "b", "c"))

    expected = quietly_converted(classifier(), ROWS, classes=("a", "b", "c"))
    rows = {"input": ROWS.astype(np.float32)}
    assert np.allclose(says(package, rows)["output"], says(expected, rows)["output"], atol=1e-6)


def test_an_exported_program_of_a_fixed_number_of_rows_is_refused() -> None:
    program = torch.export.export(nn.Linear(4, 2), (torch.ones(2, 4),))

    with pytest.raises(UsageError, match=r"does not take 7 rows at once .* needs dynamic_shapes"):
        quietly_converted(program, ROWS)


def test_a_compiled_network_converts_as_the_network_in_it() -> None:
    package = quietly_converted(torch.compile(nn.Linear(4, 1), backend="eager"), ROWS)

    assert package.manifest.lineage["parameters"] == {"class": "Linear", "parameters": 5}


class Deciding(nn.Module):
    """Leaves out rows far from zero by a loop: the number of steps is in the rows."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.stack([row if row.sum() > 0 else -row for row in x])


class Noisy(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.dropout(x, 0.5)


class Centred(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x - x.mean(dim=0)


class Summed(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.sum()


class Told(nn.Module):
    def forward(self, x: torch.Tensor) -> str:
        return f"{x.sum()}"


class Solving(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.linalg.svdvals(x.reshape(-1, 2, 2))


NORMALISED_BY_BATCH = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3, track_running_stats=False))


@pytest.mark.parametrize(
    ("network", "words"),
    [
        (Deciding(), "its forward decides by numbers that are in the rows .*torch.where"),
        (Noisy(), "answers the same rows differently each time: dropout or noise is on"),
        (Centred(), "answers row 0 of X differently alone than among others: a device asks"),
        (NORMALISED_BY_BATCH, r"does not answer a single row .*\(look at 1\)"),
        (Summed(), r"output 'output' of PyTorch's Summed has shape \[\] for 7 rows"),
        (Told(), "the model returns a str, expected tensors"),
        (nn.Linear(5, 1), r"does not take the rows of X as 'input' float32\[batch, 4\]: Runtime"),
        (nn.Embedding(3, 2), r"does not take the rows of X as 'input' float32\[batch, 4\]"),
        (nn.LazyLinear(1), "has layers that were never called: call it once, and train it"),
        (
            nn.Linear(4, 1).half(),
            r"computes in torch.float16, .* give it in float32, as model.floa",
        ),
        (nn.Identity, "cannot convert"),
    ],
)
def test_a_network_that_a_device_cannot_repeat_is_refused(network: object, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        quietly_converted(network, ROWS)


def test_a_step_that_onnx_does_not_have_is_named() -> None:
    with pytest.raises(UsageError, match=r"Solving has a step that ONNX cannot express: .*svd"):
        quietly_converted(Solving(), ROWS)


def test_torchscript_is_refused_with_what_to_give_instead() -> None:
    with pytest.warns(DeprecationWarning, match="trace"):
        scripted = torch.jit.trace(nn.Linear(4, 1), torch.zeros(2, 4))

    with pytest.raises(UsageError, match=r"is TorchScript, .* give the module that"):
        quietly_converted(scripted, ROWS)


def test_rows_that_a_network_answers_with_no_number_are_refused() -> None:
    rows = ROWS.copy()
    rows[3, 1] = np.nan

    with pytest.raises(UsageError, match=r"'output' is no number \(NaN\) for row 3"):
        quietly_converted(nn.Linear(4, 1), rows)


def test_a_tensor_is_rows_unless_it_has_gradients() -> None:
    rows = torch.from_numpy(ROWS)

    package = quietly_converted(nn.Linear(4, 1), rows)
    with pytest.raises(UsageError, match=r"X cannot be read as an array: .*requires grad"):
        quietly_converted(nn.Linear(4, 1), rows.requires_grad_())

    assert package.manifest.task is Task.REGRESSION


def test_texts_are_refused() -> None:
    with pytest.raises(UsageError, match="holds texts, which networks do not take"):
        quietly_converted(nn.Linear(1, 1), np.array([["a"], ["b"]]))


def test_an_exported_program_in_a_file_is_loaded_if_it_is_trusted(tmp_path: Path) -> None:
    path = tmp_path / "model.pt2"
    shapes = ({0: torch.export.Dim("rows")},)
    torch.export.save(torch.export.export(Bytes(), (pictures(),), dynamic_shapes=shapes), path)

    with pytest.raises(UsageError, match="loading a pickle runs whatever code is in it"):
        load_model(path)
    package = quietly_converted(load_model(path, trust_pickle=True), pictures().numpy())

    assert package.model() == quietly_converted(Bytes(), pictures().numpy()).model()


def pictures() -> torch.Tensor:
    return torch.from_numpy((PICTURES * 255).astype(np.uint8))


def test_a_pickled_network_is_loaded_if_it_is_trusted(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    torch.save(nn.Linear(4, 1), path)

    with pytest.raises(UsageError, match="loading a pickle runs whatever code is in it"):
        load_model(path)
    network = load_model(path, trust_pickle=True)

    assert isinstance(network, nn.Linear)


@pytest.mark.parametrize("is_trusted", [False, True])
def test_weights_without_their_network_are_refused(tmp_path: Path, is_trusted: bool) -> None:
    path = tmp_path / "weights.pth"
    torch.save(nn.Linear(4, 1).state_dict(), path)

    with pytest.raises(UsageError, match="holds weights without the network: load the weights in"):
        load_model(path, trust_pickle=is_trusted)


def test_torchscript_in_a_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    with pytest.warns(DeprecationWarning, match="trace"):
        traced = torch.jit.trace(nn.Linear(4, 1), torch.zeros(2, 4))
    with pytest.warns(DeprecationWarning, match="save"):
        torch.jit.save(traced, path)

    with pytest.raises(UsageError, match="is TorchScript, which PyTorch no longer exports"):
        load_model(path, trust_pickle=True)


def test_a_network_that_mlflow_saved_is_loaded_if_it_is_trusted(tmp_path: Path) -> None:
    folder = mlflow_folder(tmp_path / "model", "pytorch", inputs=tensor(-1, 2), model_data="data")
    (folder / "data").mkdir()
    torch.save(torch.nn.Linear(2, 1), folder / "data" / "model.pth")
    rows = np.random.default_rng(0).normal(size=(40, 2)).astype(np.float32)

    with pytest.raises(UsageError, match=r"model\.pth' is a pickle, .* pass --trust-pickle"):
        load_model(folder)
    package = quietly_converted(load_model(folder, trust_pickle=True), rows)

    assert str(package.manifest.inputs[0]).startswith("float32[batch, 2]")
