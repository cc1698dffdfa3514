"""From raw logs to the inputs of models: reading, ingestion, leak check, schema and the TF Transform graph."""
