"""What jobs read: files of data, the questions and records that stand in some, and ordinary text."""
