"""`qsweep verify`: reproduce published and exact results with the engines that every run uses."""
