"""Files that run TensorFlow Serving on pushed models: on Kubernetes, or under Compose on one machine."""
