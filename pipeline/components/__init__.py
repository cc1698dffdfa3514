"""TFX components of this project. Each calls a function over folders, which does the work."""
