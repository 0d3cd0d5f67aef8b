"""Orders in which molecules could have been placed, and their expansion into prediction steps."""
