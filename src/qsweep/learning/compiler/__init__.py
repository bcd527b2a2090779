"""How the compiled engine turns an algorithm and an environment into machine code."""
