"""Pictures and videos of Q-tables, learning curves and agents."""
