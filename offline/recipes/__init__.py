"""What made the targets that the project ships."""
