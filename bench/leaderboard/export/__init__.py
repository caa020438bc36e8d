"""Numbers of a board in the formats of others, each number with its status. One module a format."""
