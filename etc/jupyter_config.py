from report.config import configure

configure(get_config())  # noqa: F821 - Jupyter defines it
