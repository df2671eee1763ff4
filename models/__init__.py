"""From a model's name to its folder, and the small models that packages ship."""
