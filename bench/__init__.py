"""Side-by-side measurements, each one command; they print what they measured and never fail a build."""
