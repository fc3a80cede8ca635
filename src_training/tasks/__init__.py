"""What is learnt: modules whose forward takes a batch and returns a loss and figures."""
