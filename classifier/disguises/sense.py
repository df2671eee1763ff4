"""How sure it must be that what is read back from a scrambled stretch is language, and how long a stretch may be."""

# Bits a letter that what is read must have, and how many more than what stands there.
LANGUAGE, GAIN = -4.6, 1.1
# What is read in one of thousands of ways must be surer language.
SURE_LANGUAGE = -4.2
# Of letters, how many must be in known words where these alone tell.
SURELY_KNOWN = 0.75
LONGEST = 2000
# Stretches that may be scrambled, of which is remembered what was found.
STRETCHES_REMEMBERED = 256
