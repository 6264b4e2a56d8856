"""The demo: a real server and a real client on this machine, with bundled problems and a small text world."""
