try:
    from report.paper.config import configure
except ImportError:  # another `report` comes first on the path: its folder is not this project's
    pass
else:
    configure(get_config())  # noqa: F821 - Jupyter defines it
