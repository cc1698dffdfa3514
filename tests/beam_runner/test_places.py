"""A runner with workers elsewhere takes local folders only where they are said to be shared."""

from __future__ import annotations

import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from interestflow.beam_runner.places import BeamRunnerError, check_folders, has_workers_elsewhere

FLINK = ["--runner=FlinkRunner", "--environment_type=EXTERNAL"]


@pytest.mark.parametrize(
    ("arguments", "elsewhere"),
    [
        (["--runner=FnApiRunner", "--direct_running_mode=multi_processing"], False),
        (["--runner=PortableRunner", "--environment_type=LOOPBACK"], False),
        (["--runner=PrismRunner"], False),
        (["--runner=PrismRunner", "--environment_type=DOCKER"], True),
        (["--runner=PortableRunner"], True),
        (["--runner=PortableRunner", "--environment_type=PROCESS"], True),
        (["--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner"], False),
        (["--runner=DataflowRunner"], True),
        (FLINK, True),
    ],
)
def test_workers_are_elsewhere_unless_they_are_this_process_or_its_children(
    arguments: list[str], elsewhere: bool
) -> None:
    assert has_workers_elsewhere(PipelineOptions(arguments)) is elsewhere


@pytest.mark.parametrize(
    ("shared", "folder", "is_refused"),
    [
        ([], "/data", True),
        ([], "s3://bucket/data", False),
        (["--shared_folder=/"], "/data", False),
        (["--shared_folder=/mnt/nfs"], "/mnt/nfs/data", False),
        (["--shared_folder=/mnt/nfs"], "/mnt/nfs", False),
        (["--shared_folder=/mnt/nfs"], "/mnt/nfs2/data", True),
    ],
)
def test_a_local_folder_is_refused_by_name(shared: list[str], folder: str, is_refused: bool) -> None:
    options = PipelineOptions([*FLINK, *shared])
    if not is_refused:
        check_folders(options, {"`data.folder`": folder})
        return
    refusal = (
        r"^`data.folder` should be on gs:// or s3://, or below a folder that `beam.shared_folder` says all workers of "
        rf"FlinkRunner see, received {folder}, which is local"
    )
    with pytest.raises(BeamRunnerError, match=refusal):
        check_folders(options, {"`data.folder`": folder})
    check_folders(PipelineOptions(["--runner=FnApiRunner"]), {"`data.folder`": folder})
