"""The machine face of requests and grants: what a department's own systems do without a browser."""
