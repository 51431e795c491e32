"""Web frameworks and shared services, one module each, thin, imported when used."""
