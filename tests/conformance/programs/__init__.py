"""The programs, a module for each chapter of the specification."""
