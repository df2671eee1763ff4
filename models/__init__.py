"""Where a model's folder is: the small model that a package ships."""
