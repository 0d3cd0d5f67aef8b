"""Recipe -> objects."""
