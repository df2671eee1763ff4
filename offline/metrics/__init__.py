"""Metrics of unlearning, as pure functions.

What goes in is numbers and strings (log-probabilities of tokens, generated texts, references); what comes out is
numbers. Nothing here knows a model, an engine or a data set. Log-probabilities are natural logarithms throughout.
"""
