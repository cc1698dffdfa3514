"""A server that answers as TF Serving does, from the same folders, with the same configuration files."""
