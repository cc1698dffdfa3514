"""Types of the artifacts that steps exchange, and the base class of the JSON documents in them."""
