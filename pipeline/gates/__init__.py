"""Gates that stop a run or keep a model from being pushed, and the champion that candidates are compared with."""
