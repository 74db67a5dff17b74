"""Several servers that share one store on Redis, and with it one key and one budget."""
