"""What `make demo` and its like run: each shows one job of the product whole, with data and servers of its own."""
