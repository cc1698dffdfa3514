"""Options that keep the statistics of raw examples cheaper than the transform."""

from __future__ import annotations

import tensorflow_data_validation as tfdv


def statistics_options() -> tfdv.StatsOptions:
    """Return the options of TFX's StatisticsGen.

    The number of distinct values of a feature and the most frequent ones are estimated by sketches (KMV and
    Misra-Gries) rather than counted, since histories repeat every item many times. They are exact for features of fewer
    than 1,000 values, among them all whose values the schema keeps; the number of distinct ids is off by about one per
    cent.
    """
    return tfdv.StatsOptions(use_sketch_based_topk_uniques=True)
