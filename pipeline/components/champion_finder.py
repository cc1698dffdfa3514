"""Step that finds the champion. TFX would use a resolver node, which the open-source Kubeflow backend rejects."""

from tfx.types import standard_artifacts
from tfx.utils import path_utils
from tfx.v1.dsl.components import InputArtifact, OutputDict, Parameter, component

from interestflow.pipeline.gates.champion import find_champion
from interestflow.serving.provenance import read_provenance


@component
def ChampionFinder(
    model: InputArtifact[standard_artifacts.Model], serving_folder: Parameter[str], state: Parameter[str]
) -> OutputDict(champion=str):  # type: ignore[valid-type]
    """Return the newest pushed model that is not the candidate, as the JSON text of a `Champion`.

    The text and not a file is what evaluation depends on, so that an unchanged champion leaves its result cached.

    Args:
        model: the candidate, which must not be compared with itself.
        serving_folder: folder that models are pushed to, by version.
        state: `champion_state` where it is known before the step runs, so that an earlier result is reused only while
            it holds; "" where the step is never cached.

    Raises:
        ChampionError: if the folder of pushed models cannot be read.
    """
    del state  # TFX compares it
    candidate = read_provenance(path_utils.serving_model_path(model.uri))["fingerprint"]
    return {"champion": find_champion(serving_folder, candidate).model_dump_json()}
