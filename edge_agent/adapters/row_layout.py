"""How a model's rows are laid out, told by its manifest and its reference alone.

A start that finds calls of an earlier life must read them before the model is loaded.
"""

from edge_agent.adapters.inputs import InputEncoder
from edge_agent.adapters.outputs import OutputDecoder
from edge_agent.adapters.row_memory import RowLayout
from edge_contract.package import Manifest, OutputRole, embedding_size, probabilities_size
from edge_contract.stats import ProfileSpec

__all__ = ["observed_outputs", "row_layout_of"]


def row_layout_of(manifest: Manifest, spec: ProfileSpec) -> RowLayout | None:
    """Return the layout of a model's rows; ``None`` if they are not laid out, see ``RowLayout.of``.

    Args:
        manifest: Of the package.
        spec: Of its reference.
    """
    shape = InputEncoder(manifest).row_shape
    if shape is None:
        return None
    components, probabilities = observed_outputs(manifest, spec)
    return RowLayout.of(
        manifest,
        OutputDecoder(manifest),
        shape=shape,
        components=components,
        probabilities=probabilities,
    )


def observed_outputs(manifest: Manifest, spec: ProfileSpec) -> tuple[int, int]:
    """Return how many components of an embedding and how many probabilities are observed."""
    has_embedding = manifest.output(OutputRole.EMBEDDING) is not None
    has_probabilities = manifest.output(OutputRole.PROBABILITIES) is not None
    return (
        embedding_size(spec) if has_embedding else 0,
        probabilities_size(spec) if has_probabilities else 0,
    )
