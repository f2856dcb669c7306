"""Changes one line of the code at a time, at random, and lists the changes that no test notices.

``python -m scripts.mutants --part emulator --seed 1 --count 20``; ``make mutants`` does it for every part.
Nothing is changed in place: the tree is copied first, and each run of the tests is bounded in time and
memory.

Two tools were looked at first. mutmut 3 keeps every mutant of a function beside it and calls the one that is
switched on, which it cannot do for properties and for most decorated functions, and has no operator that
drops a statement. cosmic-ray's operators have none that drops a statement or a keyword either, and come with
a database and a build of its own around them. The operators here are small, and are those that show what
is not asserted: see :mod:`scripts.mutants.operators`.
"""
