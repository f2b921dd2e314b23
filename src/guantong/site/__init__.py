"""门面: settings, addresses, base templates, command line. The only room that knows everyone."""
