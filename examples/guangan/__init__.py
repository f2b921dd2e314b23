"""The demo town: the nation, Sichuan and Guang'an, with real divisions, service items and data sources."""
