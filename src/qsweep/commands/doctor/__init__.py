"""`qsweep doctor`: check a store and its folder for defects and repair them; one module per kind."""
