"""The best checkpoint by name: register, promote, resolve a name, pull."""
