"""Texts, and what is counted of them: code points as arrays, places that are kept, windows, sentences, how like language."""
