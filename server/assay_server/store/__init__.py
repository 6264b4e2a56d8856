"""What survives: runs, accepted rollouts, groups, outboxes. One protocol, several backends."""
