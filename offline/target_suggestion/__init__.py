"""Drafts of a target's data, from a description, documents or names; people read and edit them."""
