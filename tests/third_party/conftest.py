"""What is in `shelf` belongs to another distribution; it is tested where it is installed."""

collect_ignore = ["shelf"]
