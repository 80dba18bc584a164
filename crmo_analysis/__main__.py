"""``python -m crmo_analysis`` is the command ``crmo``."""

from crmo_analysis.commands import main

if __name__ == "__main__":
    main()
