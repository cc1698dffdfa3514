"""The TFX graph of a configuration, and the runner that executes it on this machine."""
