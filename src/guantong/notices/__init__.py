"""通知: what an organisation's people should hear, told in both languages, in the page and by other ways they chose."""
