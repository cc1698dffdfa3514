"""Step from raw logs to examples: TFX's ExampleGen with this project's own Beam job.

It is a plain component and not a subclass of TFX's, which finds its input by a driver of its own; the open-source
Kubeflow backend does not run drivers.
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
    span: tfx.dsl.components.Parameter[str] = "",
    with_items: tfx.dsl.components.Parameter[int] = 0,
    beam_pipeline: tfx.dsl.components.BeamComponentParameter[beam.Pipeline] = None,
) -> None:
    """Read logs and tables, build each example's history strictly before its event, and split by global time.

    Args:
        examples: `Split-train`, `Split-validation` and `Split-test` of gzipped `tf.Example`; see `raw_feature_spec`.
        report: folder to write the counts and the unusable rows to.
        config: an `IngestionConfig` as JSON.
        input_fingerprint: digest of the input files; an earlier result is reused while it is the same.
        code_fingerprint: digest of the code, used in the same way.
        span: span of the log to read; "" for `data.span`.
        with_items: 1 to write the split of items too, which matchers retrieve from.
        beam_pipeline: Beam pipeline, given by TFX.
    """
    del input_fingerprint, code_fingerprint  # TFX compares them
    splits = [*SPLITS, *([ITEMS_SPLIT] if with_items else [])]
    examples.split_names = artifact_utils.encode_split_names(splits)
    examples_utils.set_payload_format(examples, example_gen_pb2.PayloadFormat.FORMAT_TF_EXAMPLE)
    ingestion = IngestionConfig.model_validate_json(config).with_span(span)
    with beam_pipeline as pipeline:
        scratch = ingest(ingestion, pipeline, examples.uri, report.uri, bool(with_items))
    remove_scratch(scratch)
