"""Step that finds the champion. TFX would use a resolver node, which the open-source Kubeflow backend rejects."""

from tfx.v1.dsl.components import OutputArtifact, Parameter, component

from interestflow.pipeline.artifacts import types as artifacts
from interestflow.pipeline.gates.champion import find_champion


@component
def ChampionFinder(
    champion: OutputArtifact[artifacts.ChampionArtifact],
    serving_folder: Parameter[str],
    exclude_fingerprint: Parameter[str],
    state: Parameter[str],
) -> None:
    """Write `champion.json`: the newest pushed model whose fingerprint is not `exclude_fingerprint`, or nulls.

    Args:
        champion: folder to write to.
        serving_folder: folder that models are pushed to, by version.
        exclude_fingerprint: fingerprint of the candidate, which must not be compared with itself.
        state: `champion_state` of the two arguments above, so that an earlier result is reused only while it holds.
    """
    find_champion(serving_folder, exclude_fingerprint).write(champion.uri)
