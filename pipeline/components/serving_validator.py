"""Step that serves a model and blesses or refuses it; Pusher pushes the model as it was served."""

from tfx.types import standard_artifacts
from tfx.utils import path_utils
from tfx.v1.dsl.components import InputArtifact, OutputArtifact, Parameter, component

from interestflow.pipeline.evaluation.common import files_of_test_split
from interestflow.pipeline.gates.serving import validate_serving
from interestflow.serving.config import ServingGateConfig

BLESSED, HAS_MODEL = "blessed", "has_model"
"""The properties by which TFX's Pusher knows a blessing, and that the model to push is in it."""


@component
def ServingValidator(
    blessing: OutputArtifact[standard_artifacts.InfraBlessing],
    examples: InputArtifact[standard_artifacts.Examples],
    model: InputArtifact[standard_artifacts.Model],
    config: Parameter[str],
    code_fingerprint: Parameter[str],
) -> None:
    """Serve the model, query it over gRPC, and write `serving.json` and the model with its warm-up requests.

    This replaces TFX's InfraValidator, which Kubeflow Pipelines v2 does not run. Refusing a model is not a failure of
    the step.

    Args:
        blessing: folder to write the verdict and the served model to.
        examples: raw examples, with the split test.
        model: the exported model.
        config: `ServingGateConfig` as JSON.
        code_fingerprint: digest of the code; an earlier result is reused while it is the same.
    """
    del code_fingerprint  # TFX compares it
    verdict = validate_serving(
        ServingGateConfig.model_validate_json(config),
        path_utils.serving_model_path(model.uri),
        files_of_test_split(examples.uri),
        path_utils.stamped_model_path(blessing.uri),
    )
    verdict.write(blessing.uri)
    blessing.set_int_custom_property(BLESSED, int(verdict.is_blessed))
    blessing.set_int_custom_property(HAS_MODEL, 1)
