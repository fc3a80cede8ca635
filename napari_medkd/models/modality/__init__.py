"""The parts of a network that knows several kinds of image: router, controller, prompt generator, queries.

After ESP-MedSAM (arXiv 2407.14153). What belongs to one kind (its bag, its query, its row of the router) is a
module of its own and meets nothing of another kind, so that a kind can be added without touching the others.
"""
