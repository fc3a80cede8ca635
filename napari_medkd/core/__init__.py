"""Images, their geometry, prompts and measures: numpy and pydantic only."""
