"""`python -m tmplctl`."""

from tmplctl.main import main

if __name__ == "__main__":
    main()
