"""The registry of models: register a checkpoint, promote the best, resolve a name, fetch a policy."""
