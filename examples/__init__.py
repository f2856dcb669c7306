"""Programs that show the plugin and the core at work, offline by default."""
