"""What jobs read: files of data, and the questions and records that stand in some."""
