"""A seeded tester of the whole API against the real process: random engines, random peers, and a model that checks."""
