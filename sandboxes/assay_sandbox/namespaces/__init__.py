"""The default backend: a warm interpreter inside an outer sandbox, forked for each run into namespaces of its own."""
