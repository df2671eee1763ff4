"""What jobs read: questions, lines of JSON, Parquet files."""
