"""How the statistics of raw examples are taken, so that looking at the data never costs more than transforming it."""

from __future__ import annotations

import tensorflow_data_validation as tfdv


def statistics_options() -> tfdv.StatsOptions:
    """Options of TFX's StatisticsGen.

    How many different values a feature has, and which are the most frequent, is estimated by sketches (KMV and
    Misra-Gries) rather than counted: histories repeat every item many times. Features of fewer than 1,000 values, among
    them all whose values the schema keeps, come out exactly; the number of different ids is about a per cent off.
    """
    return tfdv.StatsOptions(use_sketch_based_topk_uniques=True)
