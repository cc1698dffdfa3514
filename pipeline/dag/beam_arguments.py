"""Pipeline options with which Beam runs on this machine."""

BEAM_ARGUMENTS = ["--runner=FnApiRunner", "--direct_running_mode=in_memory", "--direct_num_workers=1"]
"""Several threads lose records, and Prism is downloaded at run time: docs/decisions/data.md."""
