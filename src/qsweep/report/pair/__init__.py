"""Two runs side by side: configs, scores, learning curves and Q-tables."""
