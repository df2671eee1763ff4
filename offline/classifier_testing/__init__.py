"""Measures a trained classifier on texts that its operator has kept back."""
