"""Load on a service, and how much of a service a load takes."""
