"""What can be done to a class map afterwards: smooth it, drop crumbs, cut instances, let masks of others vote."""
