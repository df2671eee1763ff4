"""Text in what is no text: pictures and documents, read in a process of its own, bounded in time, memory and size."""
