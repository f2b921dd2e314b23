"""网关: one call at a time, under a grant, with a receipt. Plain typed Python on ASGI; no Django."""
