"""Adversarial training of a head: what a search gets past it joins what it learns from, round by round."""
