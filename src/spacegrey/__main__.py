"""`python -m spacegrey`: the command, where its folder is not on the path."""

from spacegrey.interfaces.cli import main

if __name__ == "__main__":
    main()
