"""Ways to ask for what is to be forgotten, as functions of a question. Nothing here knows a proxy, a model or a head."""
