"""The step from raw logs to examples: TFX's ExampleGen with this project's own Beam job.

A plain component, not a subclass of TFX's: that one needs a driver of its own to find its input, which the open-source
Kubeflow backend does not run.
"""

import apache_beam as beam
from tfx import v1 as tfx
from tfx.components.util import examples_utils
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils, standard_artifacts

from interestflow.pipeline.artifacts.types import IngestionReportArtifact
from interestflow.transforms.config import IngestionConfig
from interestflow.transforms.ingestion.job import ingest, remove_scratch
from interestflow.transforms.splits import ITEMS_SPLIT, SPLITS


@tfx.dsl.components.component(use_beam=True)
def LogExampleGen(
    examples: tfx.dsl.components.OutputArtifact[standard_artifacts.Examples],
    report: tfx.dsl.components.OutputArtifact[IngestionReportArtifact],
    config: tfx.dsl.components.Parameter[str],
    input_fingerprint: tfx.dsl.components.Parameter[str],
    code_fingerprint: tfx.dsl.components.Parameter[str],
    with_items: tfx.dsl.components.Parameter[int] = 0,
    beam_pipeline: tfx.dsl.components.BeamComponentParameter[beam.Pipeline] = None,
) -> None:
    """Reads logs and tables, builds each example's history strictly before its event, and splits by global time.

    Args:
        examples: `Split-train`, `Split-validation` and `Split-test` of gzipped `tf.Example`; see `raw_feature_spec`.
        report: what was counted, and the rows that could not be used.
        config: an `IngestionConfig` as JSON.
        input_fingerprint: changes where the input files do; otherwise an earlier result is used again.
        code_fingerprint: likewise for the code.
        with_items: 1 for the split of items too, which matchers retrieve from.
        beam_pipeline: given by TFX.
    """
    del input_fingerprint, code_fingerprint  # TFX compares them
    splits = [*SPLITS, *([ITEMS_SPLIT] if with_items else [])]
    examples.split_names = artifact_utils.encode_split_names(splits)
    examples_utils.set_payload_format(examples, example_gen_pb2.PayloadFormat.FORMAT_TF_EXAMPLE)
    with beam_pipeline as pipeline:
        scratch = ingest(
            IngestionConfig.model_validate_json(config), pipeline, examples.uri, report.uri, bool(with_items)
        )
    remove_scratch(scratch)
