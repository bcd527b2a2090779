"""Pictures: Q-tables, learning curves and agents, drawn and filmed."""
