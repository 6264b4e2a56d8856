"""The doors: gRPC services and the HTTP application. Translates, admits, answers; decides nothing."""
