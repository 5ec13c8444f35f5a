"""Programs of other libraries, each run by the interpreter of an environment that has them."""
