"""A server for telephone calls and browsers: many callers in, one key out. Needs the extra ``server``."""
