"""Every question about posts, rules, runs, actions and the log, asked once for api, dashboard and cli."""
