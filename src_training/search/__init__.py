"""The search for an encoder: its space, the network of all of them, what they cost, and what is derived."""
