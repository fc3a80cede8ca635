"""From an image and a prompt to a mask in image space, whatever runs the network."""
