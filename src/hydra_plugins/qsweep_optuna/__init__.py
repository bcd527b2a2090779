"""Where Hydra looks for its plugins."""
