"""What keeps the notebooks, the lock and the README true; nothing here is imported by a lesson."""
