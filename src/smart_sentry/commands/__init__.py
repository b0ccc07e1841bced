"""Commands of the command line that have a module of their own; libraries are imported when a command needs them."""
