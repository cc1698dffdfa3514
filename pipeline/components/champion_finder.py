"""Finds the model to compare with. TFX would use a resolver node, which the open-source Kubeflow backend refuses."""

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
    """Writes `champion.json`: the newest pushed model that is not of `exclude_fingerprint`, or nulls.

    Args:
        champion: what was found.
        serving_folder: where models are pushed to, by version.
        exclude_fingerprint: of the candidate, which is not to be compared with itself.
        state: `champion_state` of the two, so that an earlier result is used again only while it still holds.
    """
    find_champion(serving_folder, exclude_fingerprint).write(champion.uri)
