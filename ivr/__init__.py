"""The open server that a city's 12345 citizen hotline runs on."""
