"""Training a target's classifier: examples in, a calibrated head and a report out."""
