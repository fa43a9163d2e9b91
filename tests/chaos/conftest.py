"""The table that `make hosts` ends with."""

import aftermath


def pytest_terminal_summary(terminalreporter):
    for line in aftermath.table():
        terminalreporter.write_line(line)
