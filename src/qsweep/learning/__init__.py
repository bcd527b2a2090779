"""Learning: the agent, its algorithms, and two engines that train them to the same bit."""
