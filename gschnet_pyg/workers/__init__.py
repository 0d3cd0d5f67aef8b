"""Worker processes for work that may hang or crash."""
