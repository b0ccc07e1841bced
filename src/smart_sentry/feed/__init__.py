"""The live feed: how every asset stands, and every alarm, as it comes; through Redis, or out of the database."""
