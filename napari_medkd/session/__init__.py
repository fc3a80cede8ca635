"""The state of one image being segmented: prompts, proposal, labels, history. No Qt, no napari, no torch."""
