"""限流: how often, how much and how many at once, counted together by all processes of the gateway."""
