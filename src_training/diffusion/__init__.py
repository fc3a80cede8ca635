"""Images that were never taken: a diffusion model of training pictures, its samples, what is known of them.

The network, the schedule and the sampler are MONAI's; they are imported when they are first used.
"""
