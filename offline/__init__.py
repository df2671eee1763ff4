"""Offline jobs: train classifiers, learn corruptions, train adapters, recover, evaluate. Never serves a request."""
