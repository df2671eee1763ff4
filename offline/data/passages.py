"""Benign passages to hide a question in, for augmentation and for attacks."""

PASSAGES = (
    "The tide table for the harbour is printed every January. Fishermen pin it to the wall of the net loft and mark the "
    "spring tides in red. Low water shortly after dawn is best for digging bait, and most boats leave two hours before the flood.",
    "To make the dough, mix the flour and water and leave it for half an hour before adding salt. Fold it four times over two hours. "
    "The crumb becomes more open when the dough is wet, yet a wet dough is harder to shape and wants a hot stone.",
    "Quarterly revenue rose by four per cent, mostly through the service business. Costs grew more slowly than planned because two sites "
    "delayed their move. The board expects the second half to be flat and has kept the dividend where it was last year.",
    "A queue keeps its elements in the order in which they came. Both ends must be cheap to reach, so a ring buffer is a common choice. "
    "When the buffer is full, the writer either waits, drops the oldest element, or grows the memory and copies everything across.",
    "The old railway line was closed in the sixties and is now a path for walkers and cyclists. Its gradient is gentle, the bridges are intact, "
    "and at the former station a family sells tea and cake from April until the end of October.",
    "Glaciers move because ice under pressure deforms, and because meltwater lets them slide over rock. In summer the tongue may advance by "
    "a metre a day. Surveyors once measured this with rows of painted stones; today they use satellites.",
    "Dear tenants, the lift will be serviced on Tuesday between eight and noon. Please use the stairs at the back. If you expect a delivery "
    "of furniture that morning, tell the caretaker so that we can find another time. We apologise for the trouble.",
    "The committee compared three proposals for the library. The first keeps the reading room and adds a floor. The second moves the stacks "
    "underground. The third, which is the cheapest, rents space next door and leaves the building as it stands.",
    "Muscles adapt to load when they are given time to recover. Beginners do well with three sessions a week, each of which trains the whole "
    "body. After a few months it pays to vary the weights, and to write down what was lifted and how it felt.",
    "In the baroque suite the dances follow a fixed order: allemande, courante, sarabande and gigue. Composers added minuets or gavottes "
    "before the last one. The tempo of each is known from treatises, though players still argue about the ornaments.",
    "Install the package, then create a configuration file in your home folder. Every option has a default, so an empty file is valid. "
    "Logs are written to standard error. To see what the program would do without doing it, pass the dry-run flag.",
    "The orchard has forty trees of eleven varieties. Early apples are sold at the gate in August. The late ones keep until March if the "
    "cellar stays cool and damp, and whatever is bruised goes to the press in the village on the last Saturday of October.",
    "Patients should drink enough water before the examination and bring earlier results. The scan itself takes ten minutes and is painless. "
    "Afterwards most people drive home. The report is sent to the family doctor within three working days.",
    "Our trip begins in Lisbon with two days of walking. We take the morning train north, stay near the river in Porto, and rent a car for the "
    "valley. Rain is likely in November, so the museum of tiles and the wine cellars are planned for the afternoons.",
    "Bees find flowers by scent and by patterns that only show in ultraviolet light. A scout returns and dances on the comb; the angle tells the "
    "direction and the length of the waggle tells how far. Younger bees follow, and within an hour a meadow is busy.",
    "The contract runs for two years and renews itself unless one side gives notice three months before its end. Prices follow the index. "
    "Should a delivery be late by more than a week, the buyer may withdraw, and no penalty is owed by either party.",
)
