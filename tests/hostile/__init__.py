"""Hostile runs: what strangers, peers and broken programs do to a Callplane, and what its other calls see of it."""
