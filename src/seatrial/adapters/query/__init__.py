"""Systems that answer questions in a language of their own."""
