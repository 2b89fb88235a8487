"""Speed, as programs that print a table; see README.md. Never a test: a busy machine is not a mistake."""
