"""需求: what departments need for their work, which entry meets it, and who is asked where none does."""
