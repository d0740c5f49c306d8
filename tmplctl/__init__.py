"""The command line of tmplcore: `tmplctl`."""
