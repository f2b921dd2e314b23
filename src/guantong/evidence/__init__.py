"""存证: an append-only log that other governments cosign, and the verifier. No Django; it knows no domain."""
