"""Setting a classifier's threshold by what is really asked of the proxy."""
