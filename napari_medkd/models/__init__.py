"""Networks that answer a click, their cards and where they are kept."""
