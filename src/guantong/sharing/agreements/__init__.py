"""协议与承诺: what both sides sign: the pledge with the request, the agreement with the grant, and its document."""
