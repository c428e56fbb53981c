"""The search index of a notebook, in a file of its own beside the notebook's; see `index` for the design."""
