"""Step that blesses a model or refuses it; Pusher pushes only a blessed model."""

from tfx.components.evaluator import constants
from tfx.types import standard_artifacts
from tfx.utils import io_utils
from tfx.v1.dsl.components import InputArtifact, OutputArtifact, Parameter, component

from interestflow.pipeline.artifacts import types as artifacts
from interestflow.pipeline.evaluation.result import Evaluation
from interestflow.pipeline.gate_config import GateConfig
from interestflow.pipeline.gates.quality import judge
from interestflow.pipeline.run_parameters import with_gate


@component
def QualityGate(
    blessing: OutputArtifact[standard_artifacts.ModelBlessing],
    evaluation: InputArtifact[artifacts.EvaluationArtifact],
    model: InputArtifact[standard_artifacts.Model],
    config: Parameter[str],
    code_fingerprint: Parameter[str],
    gate: Parameter[str] = "",
) -> None:
    """Write `gate.json`, the verdict with its reasons, and the file and the property by which TFX knows a blessing.

    Refusing a model is not a failure of the step.

    Args:
        blessing: folder to write to.
        evaluation: metrics of the model.
        model: the model that is judged.
        config: `GateConfig` as JSON.
        gate: the run parameter `gate`, a JSON object of settings that replace those of `config`; "" for none.
        code_fingerprint: digest of the code; an earlier result is reused while it is the same.
    """
    del code_fingerprint  # TFX compares it
    verdict = judge(Evaluation.read(evaluation.uri), with_gate(GateConfig.model_validate_json(config), gate))
    verdict.write(blessing.uri)
    mark = constants.BLESSED_FILE_NAME if verdict.is_blessed else constants.NOT_BLESSED_FILE_NAME
    io_utils.write_string_file(f"{blessing.uri}/{mark}", "")
    blessing.set_string_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_URI_KEY, model.uri)
    blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY, model.id)
    blessing.set_int_custom_property(
        constants.ARTIFACT_PROPERTY_BLESSED_KEY,
        constants.BLESSED_VALUE if verdict.is_blessed else constants.NOT_BLESSED_VALUE,
    )
