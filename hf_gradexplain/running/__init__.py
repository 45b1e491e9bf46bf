"""How a run over a data set is cut into ranges, dealt to processes, and kept apart from other runs."""
