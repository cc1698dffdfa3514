"""Outputs at the end of a bundle, and the time that steps count."""

from __future__ import annotations

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.util import assert_that, equal_to

from interestflow.transforms.ingestion.timed_step import METRICS, TimedStep, windowed
from tests.beam_arguments import BEAM_ARGUMENTS


class Collect(TimedStep):
    """Output the sum of a bundle once it ends, and tag whether it is even."""

    def start_bundle(self) -> None:
        self.total = 0

    def process(self, element: int) -> None:
        with self.timed("add"):
            self.total += element

    def finish_bundle(self) -> object:
        return windowed([self.total, beam.pvalue.TaggedOutput("even", self.total % 2 == 0)])


def test_values_at_the_end_of_a_bundle_arrive_at_their_outputs() -> None:
    pipeline = beam.Pipeline(options=PipelineOptions(BEAM_ARGUMENTS))
    outputs = pipeline | beam.Create([3, 4]) | beam.ParDo(Collect()).with_outputs("even", main="sums")
    assert_that(outputs.sums | beam.CombineGlobally(sum), equal_to([7]), "sums")
    assert_that(outputs.even | beam.Map(type), equal_to([bool]), "even")
    result = pipeline.run()
    counters = result.metrics().query()["counters"]
    assert [counter.key.metric.name for counter in counters if counter.key.metric.namespace == METRICS] == ["add"]
