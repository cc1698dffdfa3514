"""Examples of one shard of users, or of the item catalogue, built column by column and written as TFRecord files."""
