"""What the package knows of text in general, learned once from one machine's files: tables of letters and signs, and the network
of odd stretches. They come with the package; no target is trained here.
"""
