"""The catalogue's feed between neighbours: its form, how it is sent, taken in, and taken back."""
