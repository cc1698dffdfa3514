"""Run the command line: `python -m interestflow` is `interestflow`."""

from interestflow.pipeline.cli.entry_point import main

if __name__ == "__main__":
    main()
