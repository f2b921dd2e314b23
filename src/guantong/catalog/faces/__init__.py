"""机器接口: the catalogue for programs: a JSON API, DCAT in Turtle and JSON-LD. Only what the public may see, whoever asks."""
