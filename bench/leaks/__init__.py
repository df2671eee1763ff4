"""What a model that knows a target still tells through the whole stack."""
