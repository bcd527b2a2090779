"""The two engines: one steps any Gymnasium environment, the other runs compiled twins."""
