"""How Beam runs on this machine."""

BEAM_ARGUMENTS = ["--runner=FnApiRunner", "--direct_running_mode=in_memory", "--direct_num_workers=1"]
"""Threads would lose records and Prism would download itself: docs/decisions.md."""
