"""Parts of the entry point of a compiled step, `interestflow.kubeflow.run_step`."""
