"""Text to verdicts: does a conversation ask for something that is to be forgotten, and where?

Knows text, encoders and heads; knows nothing about requests, policies or what a verdict leads to.
"""
