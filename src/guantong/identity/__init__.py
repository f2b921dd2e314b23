"""身份: divisions, organisations, people, applications, and what each role may do."""
