"""A run's page: ``report.html``, one file that needs nothing else, to look at, to keep and to send on."""

from minicap.report.page import write_report as write_report
